#pragma once

#include <optional>

#include "kernel.h"

namespace onnxmoe {

// y [...,F] = x [...,D] matrix [D,F]
class Linear : public Kernel {
   public:
    enum InputIndex { kX, kMatrix, kInputCount };

    Linear(const NodeInfo& info, WeightType type);

   protected:
    void Compute(Context& context) const override;

   private:
    WeightType type_;
    std::optional<ExpertMatrix> packed_;
};

// The same with a matrix of codes and its scales [ceil(D/32),F].
class QuantizedLinear final : public Linear {
   public:
    enum InputIndex { kX, kMatrix, kScales, kInputCount };

    using Linear::Linear;
};

}  // namespace onnxmoe
