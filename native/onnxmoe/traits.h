#pragma once

#include "grouped_ffn.h"
#include "grouped_linear.h"
#include "linear.h"
#include "paged_attention.h"
#include "shape_inference.h"

namespace onnxmoe {

constexpr ONNXTensorElementDataType kFloat = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, kInt32 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
                                    kInt64 = ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;

constexpr ONNXTensorElementDataType ElementType(WeightType type) {
    switch (type) {
        case WeightType::kHalf:
            return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
        case WeightType::kInt8:
            return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
        case WeightType::kInt4:
            return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
        case WeightType::kFloat:
            break;
    }
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

// What ONNX Runtime wants to know of an op besides its kernel.
template <class Op>
struct Traits;

template <>
struct Traits<GroupedFfn> {
    static constexpr size_t kRequired = GroupedFfn::kGate, kOutputs = 1;
    static constexpr WeightType kTypes[] = {WeightType::kFloat, WeightType::kHalf};
    static constexpr auto Infer = InferGroupedFfn;

    static ONNXTensorElementDataType Type(size_t input, WeightType type) {
        if (input == GroupedFfn::kIndices) return kInt64;
        const bool matrix = input == GroupedFfn::kUp || input == GroupedFfn::kDown || input == GroupedFfn::kGate;
        return matrix ? ElementType(type) : kFloat;
    }
};

template <>
struct Traits<QuantizedGroupedFfn> {
    using Op = QuantizedGroupedFfn;
    static constexpr size_t kRequired = Op::kGate, kOutputs = 1;
    static constexpr WeightType kTypes[] = {WeightType::kInt8, WeightType::kInt4};
    static constexpr auto Infer = InferGroupedFfn;

    static ONNXTensorElementDataType Type(size_t input, WeightType type) {
        if (input == Op::kIndices) return kInt64;
        return input == Op::kUp || input == Op::kDown || input == Op::kGate ? ElementType(type) : kFloat;
    }
};

template <>
struct Traits<GroupedLinear> {
    static constexpr size_t kRequired = GroupedLinear::kBias, kOutputs = 1;
    static constexpr WeightType kTypes[] = {WeightType::kFloat, WeightType::kHalf};
    static constexpr auto Infer = InferGroupedLinear;

    static ONNXTensorElementDataType Type(size_t input, WeightType type) {
        if (input == GroupedLinear::kIndices) return kInt64;
        return input == GroupedLinear::kMatrix ? ElementType(type) : kFloat;
    }
};

template <>
struct Traits<QuantizedGroupedLinear> {
    using Op = QuantizedGroupedLinear;
    static constexpr size_t kRequired = Op::kBias, kOutputs = 1;
    static constexpr WeightType kTypes[] = {WeightType::kInt8, WeightType::kInt4};
    static constexpr auto Infer = InferQuantizedGroupedLinear;

    static ONNXTensorElementDataType Type(size_t input, WeightType type) {
        if (input == Op::kIndices) return kInt64;
        return input == Op::kMatrix ? ElementType(type) : kFloat;
    }
};

template <>
struct Traits<Linear> {
    static constexpr size_t kRequired = Linear::kInputCount, kOutputs = 1;
    static constexpr WeightType kTypes[] = {WeightType::kFloat, WeightType::kHalf};
    static constexpr auto Infer = InferLinear;

    static ONNXTensorElementDataType Type(size_t input, WeightType type) { return input == Linear::kMatrix ? ElementType(type) : kFloat; }
};

template <>
struct Traits<QuantizedLinear> {
    static constexpr size_t kRequired = QuantizedLinear::kInputCount, kOutputs = 1;
    static constexpr WeightType kTypes[] = {WeightType::kInt8, WeightType::kInt4};
    static constexpr auto Infer = InferLinear;

    static ONNXTensorElementDataType Type(size_t input, WeightType type) {
        return input == QuantizedLinear::kMatrix ? ElementType(type) : kFloat;
    }
};

template <>
struct Traits<PagedAttention> {
    static constexpr size_t kRequired = PagedAttention::kInputCount, kOutputs = 1;
    static constexpr WeightType kTypes[] = {WeightType::kFloat, WeightType::kHalf};
    static constexpr auto Infer = InferPagedAttention;

    static ONNXTensorElementDataType Type(size_t input, WeightType type) {
        if (input == PagedAttention::kPositions) return kInt64;
        if (input == PagedAttention::kPageTable || input == PagedAttention::kStarts || input == PagedAttention::kPast) return kInt32;
        return input == PagedAttention::kKeyCache || input == PagedAttention::kValueCache ? ElementType(type) : kFloat;
    }
};

template <class Op>
bool IsRequired(size_t input) {
    return input < Traits<Op>::kRequired;
}

// Keys and values may stand beside the queries.
template <>
inline bool IsRequired<PagedAttention>(size_t input) {
    return input != PagedAttention::kKey && input != PagedAttention::kValue;
}

}  // namespace onnxmoe
