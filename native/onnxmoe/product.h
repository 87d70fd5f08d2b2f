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
    // Experts are cut into stretches of at most so many rows.
    struct Stretch {
        int64_t group, begin, end;
    };
    const int64_t at_a_time = RowsAtATime(matrix.Depth());
    const int64_t at_most = picks.ExpertCount() + picks.Total() / at_a_time;
    Scratch scratch(Scratch::Bytes<Stretch>(at_most));
    Stretch* const stretches = scratch.Take<Stretch>(at_most);
    int64_t stretch_count = 0;
    for (int64_t g = 0; g < picks.ExpertCount(); g++) {
        const int64_t count = picks[g].count, pieces = (count + at_a_time - 1) / at_a_time;
        for (int64_t i = 0; i < pieces; i++) stretches[stretch_count++] = {g, count * i / pieces, count * (i + 1) / pieces};
    }

    const int64_t panels = matrix.Panels(), tasks = matrix.Tasks(stretch_count == 0 ? 1 : picks.Total() / stretch_count, stretch_count);
    const int64_t nanoseconds =
        Nanoseconds(stretch_count * panels * matrix.PanelBytes(), picks.Total() * panels * matrix.Depth() * product.engine.columns);
    ParallelFor(product.context, stretch_count * tasks, nanoseconds, [&](int64_t task) {
        const Stretch& rows = stretches[task / tasks];
        const ExpertPicks& group = picks[rows.group];
        const int64_t first = picks.Before(rows.group) + rows.begin, count = rows.end - rows.begin;
        const Work work(matrix.WorkBytes(count));
        matrix.Multiply(group.expert, task % tasks, tasks, product.rows + first, count, work.Memory(),
                        [&](int64_t panel, int64_t r, const float* tile) {
                            finish(rows.group, panel, first + r, group.picks[rows.begin + r], tile);
                        });
    });
}

// y [tokens, width] = for every token the sum over its picks of weights[pick] * (product + bias of the expert [width], or nothing).
// Parallel over panels and stretches of tokens; a token's picks are added in the order of their experts.
void MultiplyAndCombine(const Product& product, int64_t tokens, int64_t per_token, const float* weights, const float* bias, float* y);

}  // namespace onnxmoe
