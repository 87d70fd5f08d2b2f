#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel.h"
#include "team.h"

namespace onnxmoe {

// Nodes that follow each other in a graph, as one: they run on a team of threads that stays together from the first to the last, and what
// they give each other passes by ONNX Runtime. With one token a step that takes longer than many of the nodes.
// Attributes: program (see program.h); outputs, the numbers of the values that are its outputs, with commas.
class Region {
   public:
    explicit Region(const OrtKernelInfo* info);

    // Several threads may call it at once.
    void Run(OrtKernelContext* context) const;

   private:
    struct Node {
        std::string name;
        std::unique_ptr<const Kernel> kernel;
        std::vector<int> inputs, outputs;
        std::vector<ONNXTensorElementDataType> types;  // of the inputs
        std::vector<int> last_read;                    // values that nothing reads after it
    };

    class Values;
    class NodeContext;

    std::string label_;
    std::vector<Tensor> constants_;  // by input; empty where it is fed
    int values_;
    std::vector<int> output_of_;  // by value: which output of the region it is, or -1
    std::vector<Node> nodes_;
};

}  // namespace onnxmoe
