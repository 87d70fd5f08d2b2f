#pragma once

#include <optional>
#include <vector>

#include "kernel.h"

namespace onnxmoe {

// Several products of one x: y_i [...,F_i] = x [...,D] matrix_i [D,F_i], in one parallel region.
class Linears : public Kernel {
   public:
    static constexpr size_t kMatrices = 8, kX = 0, kInputCount = 1 + 2 * kMatrices;

    // x, then in turns a matrix and its scales.
    static constexpr size_t MatrixInput(size_t i) { return 1 + 2 * i; }
    static constexpr size_t ScalesInput(size_t i) { return 2 + 2 * i; }

    Linears(const OrtKernelInfo* info, WeightType type) : Linears("Linears", info, type, WeightType::kFloat) {}

   protected:
    // label_type: its prefix comes before the op's name in messages.
    Linears(const char* op, const OrtKernelInfo* info, WeightType type, WeightType label_type);

    void Compute(OrtKernelContext* context) const override;

   private:
    WeightType type_;
    std::vector<std::optional<ExpertMatrix>> packed_;  // one for each matrix that the node names
};

// y [...,F] = x [...,D] matrix [D,F]
class Linear final : public Linears {
   public:
    enum InputIndex { kX, kMatrix, kInputCount };

    Linear(const OrtKernelInfo* info, WeightType type) : Linears("Linear", info, type, type) {}
};

// The same with a matrix of codes and its scales [ceil(D/32),F].
class QuantizedLinear final : public Linears {
   public:
    enum InputIndex { kX, kMatrix, kScales, kInputCount };

    QuantizedLinear(const OrtKernelInfo* info, WeightType type) : Linears("Linear", info, type, type) {}
};

}  // namespace onnxmoe
