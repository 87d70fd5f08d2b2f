#include "ort.h"

#include <memory>

namespace onnxmoe {

const OrtApi* ort = nullptr;

void Check(OrtStatus* status) {
    if (status == nullptr) return;
    const std::unique_ptr<OrtStatus, void (*)(OrtStatus*)> owned(status, ort->ReleaseStatus);
    throw std::runtime_error(ort->GetErrorMessage(status));
}

std::string Shape::ToString() const {
    std::string text = "[";
    for (size_t i = 0; i < rank; i++) text += (i == 0 ? "" : ",") + std::to_string(sizes[i]);
    return text + "]";
}

Tensor View(const OrtValue* value) {
    OrtTensorTypeAndShapeInfo* info = nullptr;
    Check(ort->GetTensorTypeAndShape(value, &info));
    const std::unique_ptr<OrtTensorTypeAndShapeInfo, void (*)(OrtTensorTypeAndShapeInfo*)> owned(info, ort->ReleaseTensorTypeAndShapeInfo);
    Tensor tensor;
    Check(ort->GetDimensionsCount(info, &tensor.shape.rank));
    if (tensor.shape.rank > tensor.shape.sizes.size())
        throw InvalidInput("an input has " + std::to_string(tensor.shape.rank) + " dimensions; the ops of this library take at most 4");
    Check(ort->GetDimensions(info, tensor.shape.sizes.data(), tensor.shape.rank));
    Check(ort->GetTensorElementType(info, &tensor.type));
    void* data = nullptr;
    Check(ort->GetTensorMutableData(const_cast<OrtValue*>(value), &data));
    // An empty tensor may have no memory, but it is not absent.
    static const char kNothing = 0;
    tensor.data = data == nullptr ? &kNothing : data;
    return tensor;
}

}  // namespace onnxmoe
