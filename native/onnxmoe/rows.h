#pragma once

#include "engine/engine.h"
#include "context.h"
#include "scratch.h"

namespace onnxmoe {

// Rows of floats as the left side of products with weights of a type: as they are, or for codes quantized by the row.
class Rows {
   public:
    // Bytes that the constructor takes from the scratch memory.
    static size_t ScratchBytes(WeightType weights, int64_t count, int64_t depth) {
        return IsQuantized(weights) ? Scratch::Bytes<char>(count * QuantizedBytes(depth)) : 0;
    }

    // count rows [depth], each `stride` floats after the one before; their values matter from Quantize on.
    Rows(const Engine& engine, WeightType weights, const float* values, int64_t depth, int64_t stride, int64_t count, Scratch& scratch)
        : engine_(engine),
          weights_(weights),
          values_(values),
          depth_(depth),
          stride_(stride),
          count_(count),
          quantized_(IsQuantized(weights) ? scratch.Take<char>(count * QuantizedBytes(depth)) : nullptr) {}

    // What Engine::Product::multiply takes as a row of x.
    const void* operator[](int64_t row) const {
        if (quantized_ == nullptr) return values_ + row * stride_;
        return quantized_ + row * QuantizedBytes(depth_);
    }

    // Makes the quantized rows, if there are any, on the session's threads.
    void Quantize(Context& context) const {
        if (quantized_ == nullptr) return;
        constexpr int64_t kElementsPerNanosecond = 4, kRowsPerTask = 4;
        ParallelFor(context, (count_ + kRowsPerTask - 1) / kRowsPerTask, count_ * depth_ / kElementsPerNanosecond, [&](int64_t task) {
            const int64_t end = std::min(count_, (task + 1) * kRowsPerTask);
            for (int64_t r = task * kRowsPerTask; r < end; r++)
                engine_.quantize(weights_, values_ + r * stride_, depth_, quantized_ + r * QuantizedBytes(depth_));
        });
    }

   private:
    const Engine& engine_;
    WeightType weights_;
    const float* values_;
    int64_t depth_, stride_, count_;
    char* quantized_;
};

}  // namespace onnxmoe
