#include "kernel.h"

namespace onnxmoe {

Kernel::Kernel(const char* op, const NodeInfo& info, WeightType type)
    : label_(std::string(Prefix(type)) + op + " '" + info.Name() + "': "),
      engine_(CurrentEngine()) {}

void Kernel::Run(Context& context) const {
    try {
        Compute(context);
    } catch (const InvalidInput& e) {
        throw InvalidInput(label_ + e.what());
    } catch (const std::exception& e) {
        throw std::runtime_error(label_ + e.what());
    }
}

Stack Kernel::ConstantStack(const NodeInfo& info, size_t input, WeightType type) {
    return {info.ConstantInput(input), IsQuantized(type) ? info.ConstantInput(input + 1) : Tensor{}};
}

Stack Kernel::InputStack(const Context& context, size_t input, WeightType type) {
    return {context.Input(input), IsQuantized(type) ? context.Input(input + 1) : Tensor{}};
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
