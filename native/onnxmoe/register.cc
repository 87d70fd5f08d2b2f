#include <memory>
#include <vector>

#include "engine/engine.h"
#include "region.h"
#include "traits.h"

// The library's door: names the ops to ONNX Runtime. A model that holds several variants of one op calls the further ones
// GroupedFfn_2 ... GroupedFfn_8 (each has its own function body in the file); the kernel is the same for all.

namespace onnxmoe {
namespace {

constexpr int kNames = 8;

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
            return Guard([&] { *kernel = std::make_unique<Op>(OrtNodeInfo(info), Self(op)->type).release(); });
        };
        KernelComputeV2 = [](void* kernel, OrtKernelContext* context) -> OrtStatusPtr {
            return Guard([&] {
                OrtContext running(context);
                static_cast<const Op*>(kernel)->Run(running);
            });
        };
        KernelDestroy = [](void* kernel) { delete static_cast<Op*>(kernel); };
    }

    static const CustomOp* Self(const OrtCustomOp* op) { return static_cast<const CustomOp*>(op); }

    std::string name;
    WeightType type;
};

// A region takes and gives any number of tensors of any type. ONNX Runtime cannot tell the types of its outputs: the graph must say them.
struct RegionOp : OrtCustomOp {
    RegionOp() : OrtCustomOp{} {
        version = kApiVersion;
        GetName = [](const OrtCustomOp*) { return "Region"; };
        GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
        GetInputTypeCount = GetOutputTypeCount = [](const OrtCustomOp*) -> size_t { return 1; };
        GetInputType = GetOutputType = [](const OrtCustomOp*, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; };
        GetInputCharacteristic = GetOutputCharacteristic = [](const OrtCustomOp*, size_t) { return INPUT_OUTPUT_VARIADIC; };
        GetVariadicInputMinArity = GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 1; };
        GetVariadicInputHomogeneity = GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 0; };
        GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
        GetStartVersion = GetEndVersion = [](const OrtCustomOp*) { return 1; };
        CreateKernelV2 = [](const OrtCustomOp*, const OrtApi*, const OrtKernelInfo* info, void** kernel) -> OrtStatusPtr {
            return Guard([&] { *kernel = std::make_unique<Region>(info).release(); });
        };
        KernelComputeV2 = [](void* kernel, OrtKernelContext* context) -> OrtStatusPtr {
            return Guard([&] { static_cast<const Region*>(kernel)->Run(context); });
        };
        KernelDestroy = [](void* kernel) { delete static_cast<Region*>(kernel); };
    }
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
        AddTo<PagedAttention>(created, "PagedAttention");
        static const RegionOp region;
        Check(ort->CustomOpDomain_Add(created, &region));
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
