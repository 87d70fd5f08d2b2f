#include "requirements.h"

#include <algorithm>

namespace onnxmoe {

namespace {

bool Fits(const Tensor& tensor, std::initializer_list<int64_t> sizes) {
    if (!tensor.Exists()) return true;
    return std::equal(sizes.begin(), sizes.end(), tensor.shape.sizes.begin(), tensor.shape.sizes.begin() + tensor.shape.rank,
                      [](int64_t wanted, int64_t size) { return wanted == -1 || wanted == size; });
}

}  // namespace

void RequireShape(const Tensor& tensor, const char* input, const char* meaning, std::initializer_list<int64_t> sizes) {
    if (Fits(tensor, sizes)) return;
    Shape wanted;
    wanted.rank = sizes.size();
    std::copy(sizes.begin(), sizes.end(), wanted.sizes.begin());
    throw InvalidInput(std::string(input) + " has the shape " + tensor.shape.ToString() + ", but must be " + meaning + " = " +
                       wanted.ToString() + (wanted.ToString().find("-1") == std::string::npos ? "" : " (-1: any size)"));
}

void RequireStack(const Stack& stack, WeightType type, const char* input, const char* meaning, int64_t experts, int64_t depth,
                  int64_t width) {
    // The texts are made only when they are needed: this runs for every product of every token.
    const int64_t rows_stored = StoredRows(type, depth), blocks = QuantizedBlocks(depth);
    if (Fits(stack.elements, {experts, rows_stored, width}) && Fits(stack.scales, {experts, blocks, width})) return;
    const std::string d(1, meaning[1]), f(1, meaning[2]);
    const std::string rows = type == WeightType::kInt4 ? "ceil(" + d + "/2)" : d;
    RequireShape(stack.elements, input, ("[E," + rows + "," + f + "]").c_str(), {experts, rows_stored, width});
    RequireShape(stack.scales, (std::string(input) + "_scales").c_str(), ("[E,ceil(" + d + "/32)," + f + "]").c_str(),
                 {experts, blocks, width});
}

}  // namespace onnxmoe
