#pragma once

#include "kernel.h"

// The small operators of ONNX that stand between the products of a decoder. All but Concat and Gather work on the last dimension.

namespace onnxmoe {

// y = x / sqrt(mean(x^2) + epsilon) * scale. With `skip` of x + skip, which is an output as well, as in com.microsoft's
// SkipSimplifiedLayerNormalization.
class RmsNorm final : public Kernel {
   public:
    RmsNorm(const NodeInfo& info, bool skip);

   protected:
    void Compute(Context& context) const override;

   private:
    bool skip_;
    float epsilon_;
};

class Softmax final : public Kernel {
   public:
    explicit Softmax(const NodeInfo& info) : Kernel("Softmax", info) {}

   protected:
    void Compute(Context& context) const override;
};

class Sigmoid final : public Kernel {
   public:
    explicit Sigmoid(const NodeInfo& info) : Kernel("Sigmoid", info) {}

   protected:
    void Compute(Context& context) const override;
};

// ReduceSum that keeps the dimension.
class ReduceSum final : public Kernel {
   public:
    explicit ReduceSum(const NodeInfo& info) : Kernel("ReduceSum", info) {}

   protected:
    void Compute(Context& context) const override;
};

// The k [1] largest, in descending order, the first of equal ones first: values and indices.
class TopK final : public Kernel {
   public:
    explicit TopK(const NodeInfo& info) : Kernel("TopK", info) {}

   protected:
    void Compute(Context& context) const override;
};

// The inputs, of equal shapes but for the first dimension and of one type, along the first dimension.
class Concat final : public Kernel {
   public:
    explicit Concat(const NodeInfo& info) : Kernel("Concat", info) {}

   protected:
    void Compute(Context& context) const override;
};

// Rows indices [...] of a table [V,D].
class Gather final : public Kernel {
   public:
    explicit Gather(const NodeInfo& info) : Kernel("Gather", info) {}

   protected:
    void Compute(Context& context) const override;
};

}  // namespace onnxmoe
