#include "product.h"

namespace onnxmoe {

void MultiplyAndCombine(const Product& product, int64_t tokens, int64_t per_token, const float* weights, const float* bias, float* y) {
    const ExpertMatrix& matrix = product.matrix;
    const Engine& engine = product.engine;
    const int64_t panels = matrix.Panels(), width = matrix.Width();

    // Each task owns a rectangle of y. The panels alone are enough tasks, or the tokens are cut as well, but not into short stretches:
    // every stretch reads all experts.
    constexpr int64_t kTasks = 16, kTokens = 128;
    const int64_t cuts = std::max<int64_t>(1, std::min(tokens / kTokens, (kTasks + panels - 1) / panels));
    const int64_t nanoseconds = Nanoseconds(cuts * product.picks.ExpertCount() * panels * matrix.PanelBytes(),
                                            product.picks.Total() * panels * matrix.Depth() * engine.columns);
    ParallelFor(product.context, panels * cuts, nanoseconds, [&](int64_t task) {
        const int64_t cut = task / panels, panel = task % panels;
        const int64_t first_token = tokens * cut / cuts, last_token = tokens * (cut + 1) / cuts;
        const int64_t column = panel * matrix.PanelWidth(), count = std::min(matrix.PanelWidth(), width - column);
        for (int64_t t = first_token; t < last_token; t++) std::fill_n(y + t * width + column, count, 0.0f);

        for (int64_t g = 0; g < product.picks.ExpertCount(); g++) {
            const ExpertPicks& group = product.picks[g];
            const int32_t* end = group.picks + group.count;
            const int32_t* begin = std::lower_bound(group.picks, end, first_token * per_token);
            end = std::lower_bound(begin, end, last_token * per_token);
            if (begin == end) continue;
            const float* expert_bias = bias == nullptr ? nullptr : bias + group.expert * width + column;
            const int64_t first = product.picks.Before(g) + (begin - group.picks);
            const Work work(matrix.WorkBytes(end - begin));
            matrix.Multiply(group.expert, panel, product.rows + first, end - begin, work.Memory(), [&](int64_t r, const float* tile) {
                const int64_t pick = begin[r];
                engine.add_scaled(tile, expert_bias, weights[pick], count, y + pick / per_token * width + column);
            });
        }
    });
}

}  // namespace onnxmoe
