#pragma once

#include <initializer_list>

#include "ort.h"

namespace onnxmoe {

// Throws InvalidInput unless the tensor, if it exists, has exactly these sizes; -1 stands for any.
// `meaning` says the sizes in letters, as in "[E,D,F]".
void RequireShape(const Tensor& tensor, const char* input, const char* meaning, std::initializer_list<int64_t> sizes);

}  // namespace onnxmoe
