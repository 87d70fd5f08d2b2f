#pragma once

#include "ort.h"

namespace onnxmoe {

// The output of GroupedFfn has the shape of x.
void InferGroupedFfn(OrtShapeInferContext* context);

// The output of GroupedLinear is [T,F] with weights, else [T,K,F].
void InferGroupedLinear(OrtShapeInferContext* context);
void InferQuantizedGroupedLinear(OrtShapeInferContext* context);

// Its output has the shape of x but for the last size, which is the matrix's.
void InferLinear(OrtShapeInferContext* context);

// The output of PagedAttention has the shape of query.
void InferPagedAttention(OrtShapeInferContext* context);

}  // namespace onnxmoe
