#pragma once

#include <optional>

#include "kernel.h"

namespace onnxmoe {

// y[t] = sum over k of weights[t,k] * FFN of expert indices[t,k] applied to x[t]; an index of -1 adds nothing.
// FFN(x) = act(x up + up_bias) down + down_bias, or gated: (act(x gate + gate_bias) * (x up + up_bias)) down + down_bias.
class GroupedFfn final : public Kernel {
   public:
    enum InputIndex { kX, kIndices, kWeights, kUp, kDown, kGate, kUpBias, kDownBias, kGateBias, kInputCount };

    GroupedFfn(const OrtKernelInfo* info, WeightType type);

   protected:
    void Compute(OrtKernelContext* context) const override;

   private:
    Activation activation_;
    WeightType type_;
    std::optional<ExpertMatrix> up_;  // with the gate, when gated
    std::optional<ExpertMatrix> down_;
};

}  // namespace onnxmoe
