#include "grouped_ffn.h"

#include <algorithm>

#include "product.h"
#include "requirements.h"
#include "rows.h"

namespace onnxmoe {

namespace {

Activation ActivationNamed(const std::string& name) {
    if (name == "relu") return Activation::kRelu;
    if (name == "gelu") return Activation::kGelu;
    if (name == "silu") return Activation::kSilu;
    if (name == "identity") return Activation::kIdentity;
    throw InvalidInput("activation is '" + name + "', but must be relu, gelu, silu or identity");
}

// The biases of the picked experts laid out as the panels of their matrices are: [picked experts, panels, engine columns], zero where
// there is none.
void CopyBiases(const Picks& picks, const ExpertMatrix& matrix, const float* gate_bias, const float* up_bias, bool gated, float* to) {
    const auto copy = [&](const float* bias, int64_t expert, int64_t column) {
        const int64_t count = bias == nullptr ? 0 : std::min(matrix.PanelWidth(), matrix.Width() - column);
        if (count > 0) std::copy_n(bias + expert * matrix.Width() + column, count, to);
        std::fill(to + count, to + matrix.PanelWidth(), 0.0f);
        to += matrix.PanelWidth();
    };
    for (const ExpertPicks& group : picks)
        for (int64_t column = 0; column < matrix.Width(); column += matrix.PanelWidth()) {
            if (gated) copy(gate_bias, group.expert, column);
            copy(up_bias, group.expert, column);
        }
}

// Where the inputs are.
struct Positions {
    int up, down, gate, up_bias, down_bias, gate_bias;
};

Positions PositionsFor(WeightType type) {
    using Q = QuantizedGroupedFfn;
    using F = GroupedFfn;
    return IsQuantized(type) ? Positions{Q::kUp, Q::kDown, Q::kGate, Q::kUpBias, Q::kDownBias, Q::kGateBias}
                             : Positions{F::kUp, F::kDown, F::kGate, F::kUpBias, F::kDownBias, F::kGateBias};
}

// Tokens whose hidden units fit into about 64 MiB.
int64_t TokensAtATime(int64_t per_token, int64_t hidden_stride) {
    return std::max<int64_t>(64, (int64_t{16} << 20) / std::max<int64_t>(1, per_token * hidden_stride));
}

}  // namespace

GroupedFfn::GroupedFfn(const NodeInfo& info, WeightType type)
    : Kernel("GroupedFfn", info, type), type_(type), activation_(ActivationNamed(info.StringAttribute("activation", "silu"))) {
    const Positions at = PositionsFor(type);
    const auto stack = [&](int input) { return ConstantStack(info, input, type); };
    const bool gated = info.HasInput(at.gate);
    up_ = PackIfConstant(gated ? StackedWeights{type, stack(at.gate), stack(at.up)} : StackedWeights{type, stack(at.up), {}}, gated);
    down_ = PackIfConstant({type, stack(at.down), {}}, false);
}

void GroupedFfn::Compute(Context& context) const {
    const Positions at = PositionsFor(type_);
    const Tensor x = context.Input(kX), indices = context.Input(kIndices), weights = context.Input(kWeights);
    const Stack up_stack = InputStack(context, at.up, type_), down_stack = InputStack(context, at.down, type_);
    const Stack gate_stack = InputStack(context, at.gate, type_);
    const Tensor &up = up_stack.elements, &gate = gate_stack.elements;
    const Tensor up_bias = context.Input(at.up_bias), down_bias = context.Input(at.down_bias), gate_bias = context.Input(at.gate_bias);
    RequireShape(x, "x", "[T,D]", {-1, -1});
    RequireShape(indices, "indices", "[T,K]", {x.shape[0], -1});
    RequireShape(up, "up", "[E,D,F]", {-1, -1, -1});
    const int64_t tokens = x.shape[0], width = x.shape[1], per_token = indices.shape[1], experts = up.shape[0], hidden_width = up.shape[2];
    RequireShape(weights, "weights", "[T,K]", {tokens, per_token});
    RequireStack(up_stack, type_, "up", "EDF", experts, width, hidden_width);
    RequireStack(down_stack, type_, "down", "EFD", experts, hidden_width, width);
    if (gate.Exists()) RequireStack(gate_stack, type_, "gate", "EDF", experts, width, hidden_width);
    RequireShape(up_bias, "up_bias", "[E,F]", {experts, hidden_width});
    RequireShape(down_bias, "down_bias", "[E,D]", {experts, width});
    RequireShape(gate_bias, "gate_bias", "[E,F]", {experts, hidden_width});

    float* y = context.Output<float>(x.shape);
    if (tokens == 0 || width == 0) return;

    const Engine& engine = EngineInUse();
    const StackedWeights first = gate.Exists() ? StackedWeights{type_, gate_stack, up_stack} : StackedWeights{type_, up_stack, {}};
    const ExpertMatrix raw_up = ExpertMatrix::Raw(engine, first), raw_down = ExpertMatrix::Raw(engine, {type_, down_stack, {}});
    const ExpertMatrix& up_matrix = up_ ? *up_ : raw_up;
    const ExpertMatrix& down_matrix = down_ ? *down_ : raw_down;

    const int64_t panel_width = up_matrix.PanelWidth(), stride = up_matrix.Panels() * panel_width;
    const int64_t step = std::min(tokens, TokensAtATime(per_token, stride)), slots = step * per_token;
    static const float no_bias[kMaxColumns] = {};
    const bool is_biased = gate_bias.Exists() || up_bias.Exists();
    const int64_t bias_stride = is_biased ? up_matrix.Panels() * engine.columns : 0;
    for (int64_t first_token = 0; first_token < tokens; first_token += step) {
        const int64_t count = std::min(step, tokens - first_token);
        const int64_t picked_experts = std::min(experts, slots);
        Scratch scratch(Picks::ScratchBytes(count, per_token, experts) + 2 * Scratch::Bytes<const void*>(slots) +
                        Scratch::Bytes<float>(slots * stride) + Scratch::Bytes<float>(picked_experts * bias_stride) +
                        Rows::ScratchBytes(type_, count, width) + Rows::ScratchBytes(type_, slots, hidden_width));
        const Picks picks(indices.As<int64_t>() + first_token * per_token, count, per_token, experts, first_token, scratch);
        const void** inputs = scratch.Take<const void*>(slots);
        const void** hidden_rows = scratch.Take<const void*>(slots);
        float* hidden = scratch.Take<float>(slots * stride);
        float* biases = scratch.Take<float>(picked_experts * bias_stride);
        if (is_biased) CopyBiases(picks, up_matrix, gate_bias.As<float>(), up_bias.As<float>(), gate.Exists(), biases);
        const Rows x_rows(engine, type_, x.As<float>() + first_token * width, width, width, count, scratch);
        const Rows rows_of_hidden(engine, type_, hidden, hidden_width, stride, picks.Total(), scratch);
        int64_t row = 0;
        for (const ExpertPicks& group : picks)
            for (int64_t j = 0; j < group.count; j++, row++) {
                inputs[row] = x_rows[group.picks[j] / per_token];
                hidden_rows[row] = rows_of_hidden[row];
            }

        x_rows.Quantize(context);
        MultiplyEach({context, engine, picks, up_matrix, inputs},
                     [&](int64_t group, int64_t panel, int64_t row, int64_t, const float* tile) {
                         const float* bias = is_biased ? biases + group * bias_stride + panel * engine.columns : no_bias;
                         engine.activate(activation_, gate.Exists(), tile, bias, hidden + row * stride + panel * panel_width);
                     });
        rows_of_hidden.Quantize(context);
        MultiplyAndCombine({context, engine, picks, down_matrix, hidden_rows}, count, per_token,
                           weights.As<float>() + first_token * per_token, down_bias.As<float>(), y + first_token * width);
    }
}

}  // namespace onnxmoe
