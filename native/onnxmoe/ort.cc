#include "ort.h"

#include <memory>
#include <new>

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
    void* data = nullptr;
    Check(ort->GetTensorMutableData(const_cast<OrtValue*>(value), &data));
    // An empty tensor may have no memory, but it is not absent.
    static const char kNothing = 0;
    tensor.data = data == nullptr ? &kNothing : data;
    return tensor;
}

Tensor Input(const OrtKernelContext* context, size_t index) {
    size_t count = 0;
    Check(ort->KernelContext_GetInputCount(context, &count));
    if (index >= count) return {};
    const OrtValue* value = nullptr;
    Check(ort->KernelContext_GetInput(context, index, &value));
    return value == nullptr ? Tensor{} : View(value);
}

float* Output(OrtKernelContext* context, const Shape& shape, size_t index) {
    OrtValue* value = nullptr;
    Check(ort->KernelContext_GetOutput(context, index, shape.sizes.data(), shape.rank, &value));
    void* data = nullptr;
    Check(ort->GetTensorMutableData(value, &data));
    return static_cast<float*>(data);
}

Tensor ConstantInput(const OrtKernelInfo* info, size_t index) {
    size_t count = 0;
    Check(ort->KernelInfo_GetInputCount(info, &count));
    if (index >= count) return {};
    int is_constant = 0;
    const OrtValue* value = nullptr;
    Check(ort->KernelInfoGetConstantInput_tensor(info, index, &is_constant, &value));
    return is_constant == 0 || value == nullptr ? Tensor{} : View(value);
}

bool HasInput(const OrtKernelInfo* info, size_t index) {
    size_t count = 0;
    Check(ort->KernelInfo_GetInputCount(info, &count));
    if (index >= count) return false;
    size_t size = 0;  // of the name, with the zero at its end
    Check(ort->KernelInfo_GetInputName(info, index, nullptr, &size));
    return size > 1;
}

std::string NodeName(const OrtKernelInfo* info) {
    size_t size = 0;
    Check(ort->KernelInfo_GetNodeName(info, nullptr, &size));
    std::string name(size, '\0');
    Check(ort->KernelInfo_GetNodeName(info, name.data(), &size));
    name.resize(size == 0 ? 0 : size - 1);
    return name;
}

std::string StringAttribute(const OrtKernelInfo* info, const char* name, const char* otherwise) {
    size_t size = 0;
    if (OrtStatus* missing = ort->KernelInfoGetAttribute_string(info, name, nullptr, &size)) {
        ort->ReleaseStatus(missing);
        return otherwise;
    }
    std::string value(size, '\0');
    Check(ort->KernelInfoGetAttribute_string(info, name, value.data(), &size));
    value.resize(size == 0 ? 0 : size - 1);
    return value;
}

int64_t IntAttribute(const OrtKernelInfo* info, const char* name, int64_t otherwise) {
    int64_t value = 0;
    if (OrtStatus* missing = ort->KernelInfoGetAttribute_int64(info, name, &value)) {
        ort->ReleaseStatus(missing);
        return otherwise;
    }
    return value;
}

Scratch::Scratch(OrtAllocator* allocator, size_t bytes) : allocator_(allocator) {
    Check(ort->AllocatorAlloc(allocator, bytes + 64, &memory_));
    if (memory_ == nullptr) throw std::bad_alloc();
    next_ = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(memory_) + 63) / 64 * 64);
}

Scratch::~Scratch() {
    if (OrtStatus* status = ort->AllocatorFree(allocator_, memory_)) ort->ReleaseStatus(status);
}

}  // namespace onnxmoe
