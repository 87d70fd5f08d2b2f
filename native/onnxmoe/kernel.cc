#include "kernel.h"

namespace onnxmoe {

namespace {

OrtAllocator* AllocatorOf(const OrtKernelInfo* info) {
    OrtAllocator* allocator = nullptr;
    Check(ort->KernelInfoGetAllocator(info, OrtMemTypeDefault, &allocator));
    return allocator;
}

}  // namespace

Kernel::Kernel(const char* op, const OrtKernelInfo* info, WeightType type)
    : label_(std::string(Prefix(type)) + op + " '" + NodeName(info) + "': "),
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

Stack Kernel::ConstantStack(const OrtKernelInfo* info, size_t input, WeightType type) {
    return {ConstantInput(info, input), IsQuantized(type) ? ConstantInput(info, input + 1) : Tensor{}};
}

Stack Kernel::InputStack(const OrtKernelContext* context, size_t input, WeightType type) {
    return {Input(context, input), IsQuantized(type) ? Input(context, input + 1) : Tensor{}};
}

std::optional<ExpertMatrix> Kernel::PackIfConstant(const StackedWeights& constants, bool gated) const {
    if (constants.Gated() != gated) return std::nullopt;
    // A wrong shape is reported when the kernel runs and all sizes are known.
    const Shape& shape = constants.first.elements.shape;
    for (const Stack* stack : {&constants.first, &constants.second}) {
        if (stack == &constants.second && !gated) continue;
        if (!stack->elements.Exists() || stack->elements.shape.rank != 3 || stack->elements.shape != shape) return std::nullopt;
        if (!IsQuantized(constants.type)) continue;
        if (!stack->scales.Exists() || stack->scales.shape != Shape{3, {shape[0], QuantizedBlocks(constants.Depth()), shape[2]}})
            return std::nullopt;
    }
    try {
        return ExpertMatrix::Pack(engine_, constants);
    } catch (const InvalidInput& e) {
        throw InvalidInput(label_ + e.what());
    }
}

}  // namespace onnxmoe
