#pragma once

#include <optional>

#include "kernel.h"

namespace onnxmoe {

// Row (t,k) = x[t] (or x[t,k] with per_pick) times the matrix of expert indices[t,k], plus its bias; zero for the index -1.
// With weights the K rows of a token are weighted and summed.
class GroupedLinear : public Kernel {
   public:
    enum InputIndex { kX, kIndices, kMatrix, kBias, kWeights, kInputCount };

    GroupedLinear(const NodeInfo& info, WeightType type);

   protected:
    void Compute(Context& context) const override;

   private:
    WeightType type_;
    bool per_pick_;
    std::optional<ExpertMatrix> matrix_;
};

// The same with matrices of codes, followed by their scales.
class QuantizedGroupedLinear final : public GroupedLinear {
   public:
    enum InputIndex { kX, kIndices, kMatrix, kScales, kBias, kWeights, kInputCount };

    using GroupedLinear::GroupedLinear;
};

}  // namespace onnxmoe
