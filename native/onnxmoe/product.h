#pragma once

#include <memory>
#include <vector>

#include "expert_matrix.h"
#include "ort.h"
#include "picks.h"

namespace onnxmoe {

// Where a product of picked rows takes place. rows: one for every pick in the sorted order of `picks`.
struct Product {
    OrtKernelContext* context;
    OrtAllocator* allocator;
    const Engine& engine;
    const Picks& picks;
    const ExpertMatrix& matrix;
    const float* const* rows;
};

// Working memory of one task; none when the matrix needs none.
class Work {
   public:
    explicit Work(const Product& product)
        : scratch_(product.matrix.WorkFloats() == 0
                       ? nullptr
                       : std::make_unique<Scratch>(product.allocator, product.matrix.WorkFloats() * sizeof(float))),
          floats_(scratch_ == nullptr ? nullptr : scratch_->Take<float>(product.matrix.WorkFloats())) {}

    float* Floats() const { return floats_; }

   private:
    std::unique_ptr<Scratch> scratch_;
    float* floats_;
};

// For every pick and panel: finish(g of picks[g], panel, pick's number in sorted order, pick, row of the product [engine.columns]).
// Parallel over experts, stretches of their rows, and panels.
template <class Finish>
void MultiplyEach(const Product& product, const Finish& finish) {
    const ExpertMatrix& matrix = product.matrix;
    // Half a megabyte of rows stays in a core's cache while the panels pass by.
    const int64_t stretch = std::max<int64_t>(product.engine.rows * 4, 131072 / std::max<int64_t>(matrix.Depth(), 1));
    struct Stretch {
        int64_t group, begin, end;
    };
    std::vector<Stretch> stretches;
    for (int64_t g = 0; g < product.picks.ExpertCount(); g++) {
        const int64_t count = product.picks[g].count, pieces = (count + stretch - 1) / stretch;
        for (int64_t i = 0; i < pieces; i++) stretches.push_back({g, count * i / pieces, count * (i + 1) / pieces});
    }
    const int64_t panels = matrix.Panels(), size = matrix.Depth() * product.engine.columns * panels;
    const int64_t tasks = static_cast<int64_t>(stretches.size()) * panels;
    const int64_t nanoseconds = Nanoseconds(static_cast<int64_t>(stretches.size()) * size, product.picks.Total() * size);
    ParallelFor(product.context, tasks, nanoseconds, [&](int64_t task) {
        const Stretch& piece = stretches[task / panels];
        const ExpertPicks& group = product.picks[piece.group];
        const int64_t panel = task % panels, first = product.picks.Before(piece.group) + piece.begin;
        const Work work(product);
        matrix.Multiply(group.expert, panel, product.rows + first, piece.end - piece.begin, work.Floats(),
                        [&](int64_t r, const float* tile) { finish(piece.group, panel, first + r, group.picks[piece.begin + r], tile); });
    });
}

// y [tokens, width] = for every token the sum over its picks of weights[pick] * (product + bias of the expert [width], or nothing).
// Parallel over panels and stretches of tokens; a token's picks are added in the order of their experts.
void MultiplyAndCombine(const Product& product, int64_t tokens, int64_t per_token, const float* weights, const float* bias, float* y);

}  // namespace onnxmoe
