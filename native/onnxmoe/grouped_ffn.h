#pragma once

#include <optional>

#include "kernel.h"

namespace onnxmoe {

// y[t] = sum over k of weights[t,k] * FFN of expert indices[t,k] applied to x[t]; an index of -1 adds nothing.
// FFN(x) = act(x up + up_bias) down + down_bias, or gated: (act(x gate + gate_bias) * (x up + up_bias)) down + down_bias.
class GroupedFfn final : public Kernel {
   public:
    enum InputIndex { kX, kIndices, kWeights, kUp, kDown, kGate, kUpBias, kDownBias, kGateBias, kInputCount };

    // half: up, down and gate are half-precision.
    GroupedFfn(const OrtKernelInfo* info, bool half);

   protected:
    void Compute(OrtKernelContext* context) const override;

   private:
    Activation activation_;
    bool half_;
    std::optional<ExpertMatrix> up_;  // with the gate, when gated
    std::optional<ExpertMatrix> down_;
};

}  // namespace onnxmoe
