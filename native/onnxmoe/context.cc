#include "context.h"

namespace onnxmoe {

Tensor OrtContext::Input(size_t index) const {
    size_t count = 0;
    Check(ort->KernelContext_GetInputCount(context_, &count));
    if (index >= count) return {};
    const OrtValue* value = nullptr;
    Check(ort->KernelContext_GetInput(context_, index, &value));
    return value == nullptr ? Tensor{} : View(value);
}

void* OrtContext::Output(size_t index, const Shape& shape, ONNXTensorElementDataType) {
    size_t count = 0;
    Check(ort->KernelContext_GetOutputCount(context_, &count));
    if (index >= count) return nullptr;
    OrtValue* value = nullptr;
    Check(ort->KernelContext_GetOutput(context_, index, shape.sizes.data(), shape.rank, &value));
    if (value == nullptr) return nullptr;
    void* data = nullptr;
    Check(ort->GetTensorMutableData(value, &data));
    return data;
}

void OrtContext::Run(int64_t count, int64_t batches, Call call, void* data) {
    Check(ort->KernelContext_ParallelFor(context_, call, count, batches, data));
}

}  // namespace onnxmoe
