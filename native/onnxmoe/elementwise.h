#pragma once

#include "kernel.h"

namespace onnxmoe {

// ONNX's Add, Sub, Mul and Div of floats, either side broadcast.
class Elementwise final : public Kernel {
   public:
    enum class Op { kAdd, kSub, kMul, kDiv };
    enum InputIndex { kA, kB, kInputCount };

    Elementwise(const char* name, const NodeInfo& info, Op op) : Kernel(name, info), op_(op) {}

   protected:
    void Compute(Context& context) const override;

   private:
    Op op_;
};

}  // namespace onnxmoe
