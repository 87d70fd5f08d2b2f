#pragma once

#include <optional>

#include "kernel.h"

namespace onnxmoe {

// y[t] = sum over k of weights[t,k] * FFN of expert indices[t,k] applied to x[t]; an index of -1 adds nothing.
// FFN(x) = act(x up + up_bias) down + down_bias, or gated: (act(x gate + gate_bias) * (x up + up_bias)) down + down_bias.
class GroupedFfn : public Kernel {
   public:
    enum InputIndex { kX, kIndices, kWeights, kUp, kDown, kGate, kUpBias, kDownBias, kGateBias, kInputCount };

    GroupedFfn(const NodeInfo& info, WeightType type);

   protected:
    void Compute(Context& context) const override;

   private:
    WeightType type_;
    Activation activation_;
    std::optional<ExpertMatrix> up_;  // with the gate, when gated
    std::optional<ExpertMatrix> down_;
};

// The same with matrices of codes, each followed by its scales.
class QuantizedGroupedFfn final : public GroupedFfn {
   public:
    enum InputIndex {
        kX,
        kIndices,
        kWeights,
        kUp,
        kUpScales,
        kDown,
        kDownScales,
        kGate,
        kGateScales,
        kUpBias,
        kDownBias,
        kGateBias,
        kInputCount
    };

    using GroupedFfn::GroupedFfn;
};

}  // namespace onnxmoe
