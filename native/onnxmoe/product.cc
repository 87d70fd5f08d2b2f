#include "product.h"

namespace onnxmoe {

void MultiplyAndCombine(const Product& product, int64_t tokens, int64_t per_token, const float* weights, const float* bias, float* y) {
    const ExpertMatrix& matrix = product.matrix;
    const Engine& engine = product.engine;
    const int64_t panels = matrix.Panels(), width = matrix.Width(), experts = product.picks.ExpertCount();

    // Each task owns some panels of y and a stretch of its tokens. The panels alone are enough tasks, or the tokens are cut as well, but
    // not into short stretches: every stretch reads all experts.
    constexpr int64_t kTasks = 16, kTokens = 128;
    const int64_t cuts = std::max<int64_t>(1, std::min(tokens / kTokens, (kTasks + panels - 1) / panels));
    const int64_t tasks = matrix.Tasks(experts == 0 ? 1 : product.picks.Total() / experts, cuts);
    const int64_t nanoseconds = Nanoseconds(cuts * experts * panels * matrix.PanelBytes(),
                                            product.picks.Total() * panels * matrix.Depth() * engine.columns);
    ParallelFor(product.context, tasks * cuts, nanoseconds, [&](int64_t task) {
        const int64_t cut = task / tasks, first_panel = task % tasks;
        const int64_t first_token = tokens * cut / cuts, last_token = tokens * (cut + 1) / cuts;
        const auto columns = [&](int64_t panel) { return std::min(matrix.PanelWidth(), width - panel * matrix.PanelWidth()); };
        for (int64_t panel = first_panel; panel < panels; panel += tasks)
            for (int64_t t = first_token; t < last_token; t++) std::fill_n(y + t * width + panel * matrix.PanelWidth(), columns(panel), 0.0f);

        for (int64_t g = 0; g < experts; g++) {
            const ExpertPicks& group = product.picks[g];
            const int32_t* end = group.picks + group.count;
            const int32_t* begin = std::lower_bound(group.picks, end, first_token * per_token);
            end = std::lower_bound(begin, end, last_token * per_token);
            if (begin == end) continue;
            const int64_t first = product.picks.Before(g) + (begin - group.picks);
            const Work work(matrix.WorkBytes(end - begin));
            matrix.Multiply(group.expert, first_panel, tasks, product.rows + first, end - begin, work.Memory(),
                            [&](int64_t panel, int64_t r, const float* tile) {
                                const int64_t pick = begin[r], column = panel * matrix.PanelWidth();
                                const float* expert_bias = bias == nullptr ? nullptr : bias + group.expert * width + column;
                                engine.add_scaled(tile, expert_bias, weights[pick], columns(panel), y + pick / per_token * width + column);
                            });
        }
    });
}

}  // namespace onnxmoe
