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

std::optional<ExpertMatrix> Kernel::PackIfConstant(const StackedWeights& constants, bool gated) const {
    if (!constants.first.Exists() || constants.second.Exists() != gated) return std::nullopt;
    // A wrong shape is reported when the kernel runs and all sizes are known.
    if (constants.first.shape.rank != 3) return std::nullopt;
    if (gated && constants.first.shape.ToString() != constants.second.shape.ToString()) return std::nullopt;
    return ExpertMatrix::Pack(engine_, constants);
}

}  // namespace onnxmoe
