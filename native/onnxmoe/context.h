#pragma once

#include <algorithm>
#include <exception>
#include <mutex>

#include "ort.h"

namespace onnxmoe {

// What a running kernel sees: its inputs, its outputs, and threads.
class Context {
   public:
    using Call = void (*)(void* data, size_t i);

    virtual ~Context() = default;

    // An absent optional one gives an empty Tensor.
    virtual Tensor Input(size_t index) const = 0;

    // Memory for an output of this shape; null for an optional one that nobody wants.
    template <class T>
    T* Output(const Shape& shape, size_t index = 0) {
        return static_cast<T*>(Output(index, shape, kElementType<T>));
    }

    // Calls call(data, 0) ... call(data, count - 1) on several threads, which get the next of so many batches as they get free.
    virtual void Run(int64_t count, int64_t batches, Call call, void* data) = 0;

    // Nanoseconds of work that are worth another thread, and a batch of their own.
    struct Grain {
        int64_t thread, batch;
    };
    virtual Grain Worth() const = 0;

   protected:
    virtual void* Output(size_t index, const Shape& shape, ONNXTensorElementDataType type) = 0;
};

// A node of its own in ONNX Runtime's graph.
class OrtContext final : public Context {
   public:
    explicit OrtContext(OrtKernelContext* context) : context_(context) {}

    Tensor Input(size_t index) const override;
    void Run(int64_t count, int64_t batches, Call call, void* data) override;
    Grain Worth() const override { return {10'000, 2'000}; }

   protected:
    void* Output(size_t index, const Shape& shape, ONNXTensorElementDataType type) override;

   private:
    OrtKernelContext* context_;
};

// Roughly how long a product takes one thread: reading so many bytes of weights once, and multiplying.
inline int64_t Nanoseconds(int64_t bytes, int64_t multiplications) { return bytes / 16 + multiplications / 40; }

// Calls function(0) ... function(count - 1) on the session's threads; on this one alone when the whole work is not worth waking
// another. The calls must not start further parallel work.
template <class Function>
void ParallelFor(Context& context, int64_t count, int64_t nanoseconds, const Function& function) {
    const Context::Grain worth = context.Worth();
    if (count <= 1 || nanoseconds < worth.thread) {
        for (int64_t i = 0; i < count; i++) function(i);
        return;
    }
    struct Job {
        const Function& function;
        std::mutex mutex;
        std::exception_ptr failure;
    } job{function, {}, {}};
    const auto call = [](void* data, size_t i) {
        Job& job = *static_cast<Job*>(data);
        try {
            job.function(static_cast<int64_t>(i));
        } catch (...) {
            const std::lock_guard<std::mutex> lock(job.mutex);
            job.failure = std::current_exception();
        }
    };
    context.Run(count, std::min(count, nanoseconds / worth.batch), call, &job);
    if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace onnxmoe
