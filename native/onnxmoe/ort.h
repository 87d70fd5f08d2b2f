#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "onnxruntime_c_api.h"

// ONNX Runtime's C interface as far as the kernels use it. Nothing of ONNX Runtime is linked: the function table comes with
// RegisterCustomOps, so one binary serves every ONNX Runtime from kApiVersion on.

namespace onnxmoe {

// The oldest version with all that is used.
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
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;

    bool Exists() const { return data != nullptr; }
    template <class T>
    const T* As() const {
        return static_cast<const T*>(data);
    }
};

Tensor View(const OrtValue* value);

template <class T>
constexpr ONNXTensorElementDataType kElementType = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
template <>
inline constexpr ONNXTensorElementDataType kElementType<float> = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
template <>
inline constexpr ONNXTensorElementDataType kElementType<int64_t> = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;

}  // namespace onnxmoe
