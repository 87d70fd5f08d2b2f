#pragma once

#include <optional>
#include <string>

#include "context.h"
#include "expert_matrix.h"
#include "node_info.h"

namespace onnxmoe {

// What the kernels have in common: a name for messages, an engine.
class Kernel {
   public:
    // The type's prefix comes before the op's name.
    Kernel(const char* op, const NodeInfo& info, WeightType type = WeightType::kFloat);
    virtual ~Kernel() = default;
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;

    // Several threads may call it at once. Errors name the node.
    void Run(Context& context) const;

   protected:
    virtual void Compute(Context& context) const = 0;

    // For the beginning of messages: "GroupedFfn 'layer.3/moe': ".
    const std::string& Label() const { return label_; }
    const Engine& EngineInUse() const { return engine_; }

    // A stack of matrices from an input and, for codes, the scales from the next one; empty tensors for what is absent or not constant.
    static Stack ConstantStack(const NodeInfo& info, size_t input, WeightType type);
    static Stack InputStack(const Context& context, size_t input, WeightType type);

    // The matrices rearranged for the engine, if all of them are constant.
    std::optional<ExpertMatrix> PackIfConstant(const StackedWeights& constants, bool gated) const;

   private:
    std::string label_;
    const Engine& engine_;
};

}  // namespace onnxmoe
