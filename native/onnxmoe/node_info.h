#pragma once

#include <string>

#include "ort.h"

namespace onnxmoe {

// What a kernel learns of its node when it is created.
class NodeInfo {
   public:
    virtual ~NodeInfo() = default;

    virtual std::string Name() const = 0;

    // Whether the node names this input at all (an optional one may be left out).
    virtual bool HasInput(size_t index) const = 0;

    // The initializer behind an input; an empty Tensor when it is not constant.
    virtual Tensor ConstantInput(size_t index) const = 0;

    virtual std::string StringAttribute(const char* name, const char* otherwise) const = 0;
    virtual int64_t IntAttribute(const char* name, int64_t otherwise) const = 0;
};

// A node of its own in ONNX Runtime's graph.
class OrtNodeInfo final : public NodeInfo {
   public:
    explicit OrtNodeInfo(const OrtKernelInfo* info) : info_(info) {}

    std::string Name() const override;
    bool HasInput(size_t index) const override;
    Tensor ConstantInput(size_t index) const override;
    std::string StringAttribute(const char* name, const char* otherwise) const override;
    int64_t IntAttribute(const char* name, int64_t otherwise) const override;

    size_t InputCount() const;

   private:
    const OrtKernelInfo* info_;
};

}  // namespace onnxmoe
