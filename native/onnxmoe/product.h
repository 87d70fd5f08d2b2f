#pragma once

#include <optional>

#include "expert_matrix.h"
#include "context.h"
#include "scratch.h"
#include "picks.h"

namespace onnxmoe {

// Where a product of picked rows takes place. rows: one for every pick in the sorted order of `picks`.
struct Product {
    Context& context;
    const Engine& engine;
    const Picks& picks;
    const ExpertMatrix& matrix;
    const void* const* rows;
};

// Working memory of one task; none when the matrix needs none.
class Work {
   public:
    explicit Work(int64_t bytes) {
        if (bytes > 0) scratch_.emplace(bytes);
        memory_ = bytes > 0 ? scratch_->Take<char>(bytes) : nullptr;
    }

    void* Memory() const { return memory_; }

   private:
    std::optional<Scratch> scratch_;
    void* memory_;
};

// Rows that stay in a core's cache (half a megabyte) while the panels pass by.
inline int64_t RowsAtATime(int64_t depth) { return std::max<int64_t>(4 * kMaxRows, 131072 / std::max<int64_t>(depth, 1)); }

// For every pick and panel: finish(g of picks[g], panel, pick's number in sorted order, pick, row of the product [engine.columns]).
// Parallel over experts, stretches of their rows, and panels.
template <class Finish>
void MultiplyEach(const Product& product, const Finish& finish) {
    const ExpertMatrix& matrix = product.matrix;
    const Picks& picks = product.picks;
    // Experts are cut into stretches of at most so many rows, numbered through all experts.
    const int64_t stretch = RowsAtATime(matrix.Depth());
    const auto pieces = [&](int64_t g) { return (picks[g].count + stretch - 1) / stretch; };
    int64_t stretches = 0;
    for (int64_t g = 0; g < picks.ExpertCount(); g++) stretches += pieces(g);

    const int64_t panels = matrix.Panels();
    const int64_t nanoseconds =
        Nanoseconds(stretches * panels * matrix.PanelBytes(), picks.Total() * panels * matrix.Depth() * product.engine.columns);
    ParallelFor(product.context, stretches * panels, nanoseconds, [&](int64_t task) {
        int64_t piece = task / panels, g = 0;
        while (piece >= pieces(g)) piece -= pieces(g++);
        const ExpertPicks& group = picks[g];
        const int64_t begin = group.count * piece / pieces(g), end = group.count * (piece + 1) / pieces(g);
        const int64_t panel = task % panels, first = picks.Before(g) + begin;
        const Work work(matrix.WorkBytes(end - begin));
        matrix.Multiply(group.expert, panel, product.rows + first, end - begin, work.Memory(),
                        [&](int64_t r, const float* tile) { finish(g, panel, first + r, group.picks[begin + r], tile); });
    });
}

// y [tokens, width] = for every token the sum over its picks of weights[pick] * (product + bias of the expert [width], or nothing).
// Parallel over panels and stretches of tokens; a token's picks are added in the order of their experts.
void MultiplyAndCombine(const Product& product, int64_t tokens, int64_t per_token, const float* weights, const float* bias, float* y);

}  // namespace onnxmoe
