#include <memory>
#include <vector>

#include "engine/engine.h"
#include "grouped_ffn.h"
#include "grouped_linear.h"
#include "linears.h"
#include "ort.h"
#include "paged_attention.h"
#include "shape_inference.h"

// The library's door: names the ops to ONNX Runtime. A model that holds several variants of one op calls the further ones
// GroupedFfn_2 ... GroupedFfn_8 (each has its own function body in the file); the kernel is the same for all.

namespace onnxmoe {
namespace {

constexpr int kNames = 8;

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
struct Traits<Linears> {
    static constexpr size_t kRequired = 2, kOutputs = Linears::kMatrices;
    static constexpr WeightType kTypes[] = {WeightType::kFloat, WeightType::kHalf, WeightType::kInt8, WeightType::kInt4};
    static constexpr auto Infer = InferLinears;

    // x, then in turns a matrix and its scales.
    static ONNXTensorElementDataType Type(size_t input, WeightType type) { return input % 2 == 1 ? ElementType(type) : kFloat; }
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
bool IsRequired<PagedAttention>(size_t input) {
    return input != PagedAttention::kKey && input != PagedAttention::kValue;
}

// One registration: a name with weight matrices (or caches) of one type.
template <class Op>
struct CustomOp : OrtCustomOp {
    CustomOp(std::string op_name, WeightType weight_type) : OrtCustomOp{}, name(std::move(op_name)), type(weight_type) {
        version = kApiVersion;
        GetName = [](const OrtCustomOp* op) { return Self(op)->name.c_str(); };
        GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
        GetInputTypeCount = [](const OrtCustomOp*) { return static_cast<size_t>(Op::kInputCount); };
        GetOutputTypeCount = [](const OrtCustomOp*) { return Traits<Op>::kOutputs; };
        GetInputType = [](const OrtCustomOp* op, size_t index) { return Traits<Op>::Type(index, Self(op)->type); };
        GetOutputType = [](const OrtCustomOp*, size_t) { return kFloat; };
        GetInputCharacteristic = [](const OrtCustomOp*, size_t index) {
            return IsRequired<Op>(index) ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
        };
        GetOutputCharacteristic = [](const OrtCustomOp*, size_t index) {
            return index == 0 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
        };
        GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
        GetStartVersion = [](const OrtCustomOp*) { return 1; };
        GetEndVersion = [](const OrtCustomOp*) { return 1; };
        InferOutputShapeFn = [](const OrtCustomOp*, OrtShapeInferContext* context) -> OrtStatusPtr {
            return Guard([&] { Traits<Op>::Infer(context); });
        };
        CreateKernelV2 = [](const OrtCustomOp* op, const OrtApi*, const OrtKernelInfo* info, void** kernel) -> OrtStatusPtr {
            return Guard([&] { *kernel = std::make_unique<Op>(info, Self(op)->type).release(); });
        };
        KernelComputeV2 = [](void* kernel, OrtKernelContext* context) -> OrtStatusPtr {
            return Guard([&] { static_cast<const Op*>(kernel)->Run(context); });
        };
        KernelDestroy = [](void* kernel) { delete static_cast<Op*>(kernel); };
    }

    static const CustomOp* Self(const OrtCustomOp* op) { return static_cast<const CustomOp*>(op); }

    std::string name;
    WeightType type;
};

template <class Op>
std::vector<std::unique_ptr<CustomOp<Op>>> AllNames(const std::string& name) {
    std::vector<std::unique_ptr<CustomOp<Op>>> ops;
    for (int i = 1; i <= kNames; i++)
        for (const WeightType type : Traits<Op>::kTypes)
            ops.push_back(std::make_unique<CustomOp<Op>>(i == 1 ? name : name + "_" + std::to_string(i), type));
    return ops;
}

template <class Op>
void AddTo(OrtCustomOpDomain* domain, const char* name) {
    static const std::vector<std::unique_ptr<CustomOp<Op>>> ops = AllNames<Op>(name);
    for (const auto& op : ops) Check(ort->CustomOpDomain_Add(domain, op.get()));
}

// One for all sessions, which refer to it as long as they live: it is never released.
OrtCustomOpDomain* Domain() {
    static OrtCustomOpDomain* const domain = [] {
        OrtCustomOpDomain* created = nullptr;
        Check(ort->CreateCustomOpDomain("onnxmoe", &created));
        AddTo<GroupedFfn>(created, "GroupedFfn");
        AddTo<QuantizedGroupedFfn>(created, "QuantizedGroupedFfn");
        AddTo<GroupedLinear>(created, "GroupedLinear");
        AddTo<QuantizedGroupedLinear>(created, "QuantizedGroupedLinear");
        AddTo<Linear>(created, "Linear");
        AddTo<QuantizedLinear>(created, "QuantizedLinear");
        AddTo<Linears>(created, "Linears");
        AddTo<PagedAttention>(created, "PagedAttention");
        return created;
    }();
    return domain;
}

}  // namespace
}  // namespace onnxmoe

extern "C" {

#define ONNXMOE_EXPORT __attribute__((visibility("default")))

// ONNX Runtime calls this for every session whose options name the library.
ONNXMOE_EXPORT OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
    const OrtApi* api = base->GetApi(onnxmoe::kApiVersion);
    if (api == nullptr) return base->GetApi(1)->CreateStatus(ORT_FAIL, "libonnxmoe.so needs ONNX Runtime 1.18 or later");
    onnxmoe::ort = api;
    return onnxmoe::Guard([&] { onnxmoe::Check(api->AddCustomOpDomain(options, onnxmoe::Domain())); });
}

// Chooses the instruction set of kernels created from now on ("avx512vnni", "avx512", "avxvnni", "avx2", "plain"; "auto": the best
// here); null leaves it.
// Returns the name of the one in use, or null if this processor cannot run the wanted one.
ONNXMOE_EXPORT const char* OnnxMoeInstructions(const char* name) {
    if (name != nullptr && !onnxmoe::ChooseEngine(name)) return nullptr;
    return onnxmoe::CurrentEngine().name;
}
}
