#include "requirements.h"

namespace onnxmoe {

void RequireShape(const Tensor& tensor, const char* input, const char* meaning, std::initializer_list<int64_t> sizes) {
    if (!tensor.Exists()) return;
    Shape wanted;
    wanted.rank = sizes.size();
    std::copy(sizes.begin(), sizes.end(), wanted.sizes.begin());
    bool same = wanted.rank == tensor.shape.rank;
    for (size_t i = 0; same && i < wanted.rank; i++) same = wanted[i] == -1 || wanted[i] == tensor.shape[i];
    if (!same)
        throw InvalidInput(std::string(input) + " has the shape " + tensor.shape.ToString() + ", but must be " + meaning + " = " +
                           wanted.ToString() + (wanted.ToString().find("-1") == std::string::npos ? "" : " (-1: any size)"));
}

void RequireStack(const Stack& stack, WeightType type, const char* input, const char* meaning, int64_t experts, int64_t depth,
                  int64_t width) {
    const std::string d(1, meaning[1]), f(1, meaning[2]);
    const std::string rows = type == WeightType::kInt4 ? "ceil(" + d + "/2)" : d;
    RequireShape(stack.elements, input, ("[E," + rows + "," + f + "]").c_str(), {experts, StoredRows(type, depth), width});
    RequireShape(stack.scales, (std::string(input) + "_scales").c_str(), ("[E,ceil(" + d + "/32)," + f + "]").c_str(),
                 {experts, QuantizedBlocks(depth), width});
}

}  // namespace onnxmoe
