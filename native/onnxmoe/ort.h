#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>

#include "onnxruntime_c_api.h"

// ONNX Runtime's C interface as far as the kernels use it. Nothing of ONNX Runtime is linked: the function table comes with
// RegisterCustomOps, so one binary serves every ONNX Runtime from kApiVersion on.

namespace onnxmoe {

// The oldest version with all that is used (an allocator for a kernel: 1.18).
constexpr uint32_t kApiVersion = 18;

// Set once by RegisterCustomOps, before any kernel exists.
extern const OrtApi* ort;

// What the caller of the op did wrong; becomes an OrtStatus at the border of the library.
class InvalidInput : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Throws what the status says, if it is not null.
void Check(OrtStatus* status);

// Runs the function; what it throws becomes a status. No exception may cross the C interface.
template <class Function>
OrtStatus* Guard(Function&& function) noexcept {
    try {
        function();
        return nullptr;
    } catch (const InvalidInput& e) {
        return ort->CreateStatus(ORT_INVALID_ARGUMENT, e.what());
    } catch (const std::exception& e) {
        return ort->CreateStatus(ORT_RUNTIME_EXCEPTION, e.what());
    }
}

// Up to four sizes; those beyond the rank are 0.
struct Shape {
    size_t rank = 0;
    std::array<int64_t, 4> sizes{};

    int64_t operator[](size_t i) const { return sizes[i]; }
    bool operator==(const Shape& other) const { return rank == other.rank && sizes == other.sizes; }
    bool operator!=(const Shape& other) const { return !(*this == other); }
    std::string ToString() const;
};

// A tensor that someone else owns; data is null for an absent optional input.
struct Tensor {
    const void* data = nullptr;
    Shape shape;

    bool Exists() const { return data != nullptr; }
    template <class T>
    const T* As() const {
        return static_cast<const T*>(data);
    }
};

Tensor View(const OrtValue* value);

// Input of a running kernel; an absent one gives an empty Tensor.
Tensor Input(const OrtKernelContext* context, size_t index);

float* Output(OrtKernelContext* context, const Shape& shape, size_t index = 0);

// The initializer behind an input of a kernel being created; an empty Tensor when it is not constant.
Tensor ConstantInput(const OrtKernelInfo* info, size_t index);

// Whether the node names this input at all (an optional one may be left out).
bool HasInput(const OrtKernelInfo* info, size_t index);

std::string NodeName(const OrtKernelInfo* info);
std::string StringAttribute(const OrtKernelInfo* info, const char* name, const char* otherwise);
int64_t IntAttribute(const OrtKernelInfo* info, const char* name, int64_t otherwise);

// Memory from the session's allocator for the duration of one run, carved into arrays.
class Scratch {
   public:
    Scratch(OrtAllocator* allocator, size_t bytes);
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    // So many bytes does an array need here.
    template <class T>
    static size_t Bytes(int64_t count) {
        return (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    }

    // The next array, aligned to 64 bytes, uninitialized.
    template <class T>
    T* Take(int64_t count) {
        T* array = reinterpret_cast<T*>(next_);
        next_ += Bytes<T>(count);
        return array;
    }

   private:
    OrtAllocator* allocator_;
    void* memory_;
    char* next_;
};

// Roughly how long a product takes one thread: reading so many bytes of weights once, and multiplying.
inline int64_t Nanoseconds(int64_t bytes, int64_t multiplications) { return bytes / 16 + multiplications / 40; }

// Calls function(0) ... function(count - 1) on the session's threads; on this one alone when the whole work is not worth waking
// another. The calls must not start further parallel work.
template <class Function>
void ParallelFor(OrtKernelContext* context, int64_t count, int64_t nanoseconds, const Function& function) {
    constexpr int64_t kWorthAThread = 10'000, kWorthABatch = 2'000;
    if (count <= 1 || nanoseconds < kWorthAThread) {
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
    // Batches are handed to the threads as they get free.
    const int64_t batches = std::min(count, nanoseconds / kWorthABatch);
    Check(ort->KernelContext_ParallelFor(context, call, count, batches, &job));
    if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace onnxmoe
