#include "shape_inference.h"

#include <atomic>
#include <memory>
#include <vector>

#include "grouped_ffn.h"
#include "grouped_linear.h"
#include "linear.h"
#include "paged_attention.h"

namespace onnxmoe {

namespace {

using TypeInfo = std::unique_ptr<OrtTensorTypeAndShapeInfo, void (*)(OrtTensorTypeAndShapeInfo*)>;

// A size, or the name of one that is not known yet.
struct Dimension {
    int64_t size;
    std::string name;
};

// A name that no other size has: ONNX Runtime would take an unknown size without a name for the number -1.
std::string NewName() {
    static std::atomic<int> count{0};
    return "onnxmoe_size_" + std::to_string(count++);
}

// Empty when nothing is known about the input.
std::vector<Dimension> Dimensions(const OrtShapeInferContext* context, size_t input) {
    size_t inputs = 0;
    Check(ort->ShapeInferContext_GetInputCount(context, &inputs));
    if (input >= inputs) return {};
    OrtTensorTypeAndShapeInfo* info = nullptr;  // belongs to the context
    Check(ort->ShapeInferContext_GetInputTypeShape(context, input, &info));
    size_t rank = 0;
    Check(ort->GetDimensionsCount(info, &rank));
    std::vector<int64_t> sizes(rank);
    std::vector<const char*> names(rank);
    Check(ort->GetDimensions(info, sizes.data(), rank));
    Check(ort->GetSymbolicDimensions(info, names.data(), rank));
    std::vector<Dimension> dimensions(rank);
    for (size_t i = 0; i < rank; i++) dimensions[i] = {sizes[i], sizes[i] < 0 && names[i][0] == 0 ? NewName() : names[i]};
    return dimensions;
}

void SetOutput(OrtShapeInferContext* context, const std::vector<Dimension>& dimensions, size_t output = 0) {
    OrtTensorTypeAndShapeInfo* created = nullptr;
    Check(ort->CreateTensorTypeAndShapeInfo(&created));
    const TypeInfo info(created, ort->ReleaseTensorTypeAndShapeInfo);
    std::vector<int64_t> sizes;
    std::vector<const char*> names;
    for (const Dimension& dimension : dimensions) {
        sizes.push_back(dimension.size);
        names.push_back(dimension.name.c_str());
    }
    Check(ort->SetTensorElementType(created, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT));
    Check(ort->SetDimensions(created, sizes.data(), sizes.size()));
    Check(ort->SetSymbolicDimensions(created, names.data(), names.size()));
    Check(ort->ShapeInferContext_SetOutputTypeShape(context, output, created));
}

// x [...,D] times a matrix [D,F]
void InferProduct(OrtShapeInferContext* context, size_t x_input, size_t matrix_input, size_t output) {
    std::vector<Dimension> x = Dimensions(context, x_input);
    const std::vector<Dimension> matrix = Dimensions(context, matrix_input);
    if (x.empty() || matrix.size() != 2) return;
    x.back() = matrix[1];
    SetOutput(context, x, output);
}

// matrix [E,D,F] of the picked experts
void InferGroupedProduct(OrtShapeInferContext* context, size_t weights_input) {
    const std::vector<Dimension> indices = Dimensions(context, GroupedLinear::kIndices),
                                 matrix = Dimensions(context, GroupedLinear::kMatrix);
    if (indices.size() != 2 || matrix.size() != 3) return;
    if (Dimensions(context, weights_input).empty())
        SetOutput(context, {indices[0], indices[1], matrix[2]});
    else
        SetOutput(context, {indices[0], matrix[2]});
}

}  // namespace

void InferGroupedFfn(OrtShapeInferContext* context) {
    const std::vector<Dimension> x = Dimensions(context, GroupedFfn::kX);
    if (!x.empty()) SetOutput(context, x);
}

void InferPagedAttention(OrtShapeInferContext* context) {
    const std::vector<Dimension> query = Dimensions(context, PagedAttention::kQuery);
    if (!query.empty() && !Dimensions(context, PagedAttention::kKey).empty()) SetOutput(context, query);
}

void InferGroupedLinear(OrtShapeInferContext* context) { InferGroupedProduct(context, GroupedLinear::kWeights); }

void InferQuantizedGroupedLinear(OrtShapeInferContext* context) { InferGroupedProduct(context, QuantizedGroupedLinear::kWeights); }

void InferLinear(OrtShapeInferContext* context) { InferProduct(context, Linear::kX, Linear::kMatrix, 0); }

}  // namespace onnxmoe
