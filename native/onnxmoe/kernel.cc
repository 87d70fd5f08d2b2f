#include "kernel.h"

namespace onnxmoe {

namespace {

OrtAllocator* AllocatorOf(const OrtKernelInfo* info) {
    OrtAllocator* allocator = nullptr;
    Check(ort->KernelInfoGetAllocator(info, OrtMemTypeDefault, &allocator));
    return allocator;
}

}  // namespace

Kernel::Kernel(const char* op, const OrtKernelInfo* info)
    : label_(std::string(op) + " '" + NodeName(info) + "': "),
      engine_(CurrentEngine()),
      allocator_(AllocatorOf(info), ort->ReleaseAllocator) {}

void Kernel::Run(OrtKernelContext* context) const {
    try {
        Compute(context);
    } catch (const InvalidInput& e) {
        throw InvalidInput(label_ + e.what());
    } catch (const std::exception& e) {
        throw std::runtime_error(label_ + e.what());
    }
}

std::optional<ExpertMatrix> Kernel::PackIfConstant(const OrtKernelInfo* info, int first, int second, bool half) const {
    const StackedWeights weights{ConstantInput(info, first), second < 0 ? Tensor{} : ConstantInput(info, second), half};
    if (!weights.first.Exists() || (second >= 0 && !weights.second.Exists())) return std::nullopt;
    // A wrong shape is reported when the kernel runs and all sizes are known.
    if (weights.first.shape.rank != 3) return std::nullopt;
    if (second >= 0 && weights.first.shape.ToString() != weights.second.shape.ToString()) return std::nullopt;
    return ExpertMatrix::Pack(engine_, weights);
}

}  // namespace onnxmoe
