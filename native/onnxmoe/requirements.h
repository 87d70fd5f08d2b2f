#pragma once

#include <initializer_list>

#include "expert_matrix.h"
#include "ort.h"

namespace onnxmoe {

// Throws InvalidInput unless the tensor, if it exists, has exactly these sizes; -1 stands for any.
// `meaning` says the sizes in letters, as in "[E,D,F]".
void RequireShape(const Tensor& tensor, const char* input, const char* meaning, std::initializer_list<int64_t> sizes);

// As above for stacked matrices and their scales (see Stack): [E,D,F], of int4 codes [E,ceil(D/2),F]. `meaning` is "EDF" in the
// letters of the op.
void RequireStack(const Stack& stack, WeightType type, const char* input, const char* meaning, int64_t experts, int64_t depth,
                  int64_t width);

}  // namespace onnxmoe
