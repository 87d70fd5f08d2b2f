#include "grouped_linear.h"

#include <algorithm>

#include "product.h"
#include "requirements.h"
#include "rows.h"

namespace onnxmoe {

GroupedLinear::GroupedLinear(const NodeInfo& info, WeightType type)
    : Kernel("GroupedLinear", info, type),
      type_(type),
      per_pick_(info.IntAttribute("per_pick", 0) != 0),
      matrix_(PackIfConstant({type, ConstantStack(info, kMatrix, type), {}}, false)) {}

void GroupedLinear::Compute(Context& context) const {
    const Tensor x = context.Input(kX), indices = context.Input(kIndices);
    const Stack stack = InputStack(context, kMatrix, type_);
    const Tensor& matrix = stack.elements;
    const int scales = IsQuantized(type_) ? 1 : 0;  // an input more before these
    const Tensor bias = context.Input(kBias + scales), weights = context.Input(kWeights + scales);
    RequireShape(indices, "indices", "[T,K]", {-1, -1});
    RequireShape(matrix, "matrix", "[E,D,F]", {-1, -1, -1});
    const int64_t tokens = indices.shape[0], per_token = indices.shape[1];
    const int64_t experts = matrix.shape[0], width = matrix.shape[2];
    if (x.shape.rank == 0) throw InvalidInput("x has no dimension, but must be [T,D] or [T,K,D]");
    // Of int4 codes only x says whether the depth is odd.
    const int64_t depth = type_ == WeightType::kInt4 ? x.shape[x.shape.rank - 1] : matrix.shape[1];
    if (per_pick_)
        RequireShape(x, "x", "[T,K,D]", {tokens, per_token, depth});
    else
        RequireShape(x, "x", "[T,D]", {tokens, depth});
    RequireShape(weights, "weights", "[T,K]", {tokens, per_token});
    RequireStack(stack, type_, "matrix", "EDF", experts, depth, width);
    RequireShape(bias, "bias", "[E,F]", {experts, width});

    const Shape shape = weights.Exists() ? Shape{2, {tokens, width}} : Shape{3, {tokens, per_token, width}};
    float* y = context.Output<float>(shape);
    if (tokens == 0 || width == 0) return;

    const Engine& engine = EngineInUse();
    const ExpertMatrix raw = ExpertMatrix::Raw(engine, {type_, stack, {}});
    const int64_t slots = tokens * per_token, rows_of_x = per_pick_ ? slots : tokens;
    Scratch scratch(Picks::ScratchBytes(tokens, per_token, experts) + Scratch::Bytes<const void*>(slots) +
                    Rows::ScratchBytes(type_, rows_of_x, depth));
    const Picks picks(indices.As<int64_t>(), tokens, per_token, experts, 0, scratch);
    const void** rows = scratch.Take<const void*>(slots);
    const Rows x_rows(engine, type_, x.As<float>(), depth, depth, rows_of_x, scratch);
    int64_t i = 0;
    for (const ExpertPicks& group : picks)
        for (int64_t j = 0; j < group.count; j++) rows[i++] = x_rows[per_pick_ ? group.picks[j] : group.picks[j] / per_token];
    x_rows.Quantize(context);

    const Product product{context, engine, picks, matrix_ ? *matrix_ : raw, rows};
    if (weights.Exists()) {
        MultiplyAndCombine(product, tokens, per_token, weights.As<float>(), bias.As<float>(), y);
        return;
    }
    std::fill_n(y, slots * width, 0.0f);
    const int64_t panel_width = product.matrix.PanelWidth();
    MultiplyEach(product, [&](int64_t group, int64_t panel, int64_t, int64_t pick, const float* tile) {
        const int64_t column = panel * panel_width;
        const float* expert_bias = bias.Exists() ? bias.As<float>() + picks[group].expert * width + column : nullptr;
        engine.add_scaled(tile, expert_bias, 1.0f, std::min(panel_width, width - column), y + pick * width + column);
    });
}

}  // namespace onnxmoe
