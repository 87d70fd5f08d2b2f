#include "node_info.h"

namespace onnxmoe {

size_t OrtNodeInfo::InputCount() const {
    size_t count = 0;
    Check(ort->KernelInfo_GetInputCount(info_, &count));
    return count;
}

std::string OrtNodeInfo::Name() const {
    size_t size = 0;
    Check(ort->KernelInfo_GetNodeName(info_, nullptr, &size));
    std::string name(size, '\0');
    Check(ort->KernelInfo_GetNodeName(info_, name.data(), &size));
    name.resize(size == 0 ? 0 : size - 1);
    return name;
}

bool OrtNodeInfo::HasInput(size_t index) const {
    if (index >= InputCount()) return false;
    size_t size = 0;  // of the name, with the zero at its end
    Check(ort->KernelInfo_GetInputName(info_, index, nullptr, &size));
    return size > 1;
}

Tensor OrtNodeInfo::ConstantInput(size_t index) const {
    if (index >= InputCount()) return {};
    int is_constant = 0;
    const OrtValue* value = nullptr;
    Check(ort->KernelInfoGetConstantInput_tensor(info_, index, &is_constant, &value));
    return is_constant == 0 || value == nullptr ? Tensor{} : View(value);
}

std::string OrtNodeInfo::StringAttribute(const char* name, const char* otherwise) const {
    size_t size = 0;
    if (OrtStatus* missing = ort->KernelInfoGetAttribute_string(info_, name, nullptr, &size)) {
        ort->ReleaseStatus(missing);
        return otherwise;
    }
    std::string value(size, '\0');
    Check(ort->KernelInfoGetAttribute_string(info_, name, value.data(), &size));
    value.resize(size == 0 ? 0 : size - 1);
    return value;
}

int64_t OrtNodeInfo::IntAttribute(const char* name, int64_t otherwise) const {
    int64_t value = 0;
    if (OrtStatus* missing = ort->KernelInfoGetAttribute_int64(info_, name, &value)) {
        ort->ReleaseStatus(missing);
        return otherwise;
    }
    return value;
}

}  // namespace onnxmoe
