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

}  // namespace onnxmoe
