#include "region.h"

#include <functional>
#include <map>

#include "elementwise.h"
#include "program.h"
#include "row_ops.h"
#include "scratch.h"
#include "traits.h"

namespace onnxmoe {

namespace {

// A node of the region as its kernel is created.
class ProgramInfo final : public NodeInfo {
   public:
    ProgramInfo(const std::vector<Tensor>& constants, const ProgramNode& node) : constants_(constants), node_(node) {}

    std::string Name() const override { return node_.name; }
    bool HasInput(size_t index) const override { return index < node_.inputs.size() && node_.inputs[index] >= 0; }
    Tensor ConstantInput(size_t index) const override {
        const int value = HasInput(index) ? node_.inputs[index] : -1;
        return value >= 0 && value < static_cast<int>(constants_.size()) ? constants_[value] : Tensor{};
    }
    std::string StringAttribute(const char* name, const char* otherwise) const override {
        const auto found = node_.attributes.find(name);
        return found == node_.attributes.end() ? otherwise : found->second;
    }
    int64_t IntAttribute(const char* name, int64_t otherwise) const override {
        const auto found = node_.attributes.find(name);
        return found == node_.attributes.end() ? otherwise : std::stoll(found->second);
    }

   private:
    const std::vector<Tensor>& constants_;
    const ProgramNode& node_;
};

// What a region wants to know of an op.
struct KnownOp {
    std::function<std::unique_ptr<Kernel>(const NodeInfo&, WeightType)> create;
    std::function<ONNXTensorElementDataType(size_t input, WeightType)> type;
    std::function<bool(size_t input)> is_required;
    size_t inputs;
};

template <class Op>
KnownOp Native() {
    return {[](const NodeInfo& info, WeightType type) { return std::make_unique<Op>(info, type); }, Traits<Op>::Type, IsRequired<Op>, Op::kInputCount};
}

// Inputs of floats, but for those of `integers`.
template <class Create>
KnownOp Floats(size_t inputs, const Create& create, int integers = -1) {
    return {[=](const NodeInfo& info, WeightType) -> std::unique_ptr<Kernel> { return create(info); },
            [=](size_t input, WeightType) { return static_cast<int>(input) == integers ? kInt64 : kFloat; }, [](size_t) { return true; }, inputs};
}

template <class Op>
KnownOp Row(size_t inputs, int integers = -1) {
    return Floats(inputs, [](const NodeInfo& info) { return std::make_unique<Op>(info); }, integers);
}

KnownOp Norm(bool skip) {
    return Floats(skip ? 3 : 2, [=](const NodeInfo& info) { return std::make_unique<RmsNorm>(info, skip); });
}

KnownOp Sides(const char* name, Elementwise::Op op) {
    return Floats(Elementwise::kInputCount, [=](const NodeInfo& info) { return std::make_unique<Elementwise>(name, info, op); });
}

const KnownOp& OpNamed(const std::string& name) {
    static const std::map<std::string, KnownOp> ops = {
        {"GroupedFfn", Native<GroupedFfn>()},
        {"QuantizedGroupedFfn", Native<QuantizedGroupedFfn>()},
        {"GroupedLinear", Native<GroupedLinear>()},
        {"QuantizedGroupedLinear", Native<QuantizedGroupedLinear>()},
        {"Linear", Native<Linear>()},
        {"QuantizedLinear", Native<QuantizedLinear>()},
        {"PagedAttention", Native<PagedAttention>()},
        {"SimplifiedLayerNormalization", Norm(false)},
        {"SkipSimplifiedLayerNormalization", Norm(true)},
        {"Softmax", Row<Softmax>(1)},
        {"Sigmoid", Row<Sigmoid>(1)},
        {"ReduceSum", Row<ReduceSum>(1)},
        {"TopK", Row<TopK>(2, 1)},
        {"Gather", Row<Gather>(2, 1)},
        {"Concat", Row<Concat>(0)},  // any number of inputs, of any type
        {"Add", Sides("Add", Elementwise::Op::kAdd)},
        {"Sub", Sides("Sub", Elementwise::Op::kSub)},
        {"Mul", Sides("Mul", Elementwise::Op::kMul)},
        {"Div", Sides("Div", Elementwise::Op::kDiv)},
    };
    const auto found = ops.find(name);
    if (found == ops.end()) throw InvalidInput("'" + name + "' is no op of a region");
    return found->second;
}

}  // namespace

// The values of a run, and the memory of those that come and go in it.
class Region::Values {
   public:
    Values(const Region& region, OrtKernelContext* context)
        : region_(region), context_(context), workspace_(Workspace::OfThread<Values>()), tensors_(region.values_), memory_(region.values_) {
        const OrtContext fed(context);
        for (size_t i = 0; i < region.constants_.size(); i++) tensors_[i] = region.constants_[i].Exists() ? region.constants_[i] : fed.Input(i);
    }

    ~Values() {
        for (size_t i = taken_.size(); i-- > 0;) workspace_.Return(taken_[i].size);
    }

    Values(const Values&) = delete;
    Values& operator=(const Values&) = delete;

    const Tensor& operator[](int value) const { return tensors_[value]; }

    void* Allocate(int value, const Shape& shape, ONNXTensorElementDataType type) {
        void* data = nullptr;
        if (const int output = region_.output_of_[value]; output >= 0) {
            OrtValue* tensor = nullptr;
            Check(ort->KernelContext_GetOutput(context_, output, shape.sizes.data(), shape.rank, &tensor));
            Check(ort->GetTensorMutableData(tensor, &data));
        } else {
            size_t bytes = type == kInt64 ? sizeof(int64_t) : sizeof(float);
            for (size_t i = 0; i < shape.rank; i++) bytes *= shape[i];
            memory_[value] = Take(bytes);
            data = memory_[value].start;
        }
        static char nothing = 0;
        tensors_[value] = {data == nullptr ? &nothing : data, shape, type};
        return data;
    }

    // Others may have its memory.
    void Free(int value) { free_.push_back(memory_[value]); }

   private:
    struct Piece {
        char* start = nullptr;
        size_t size = 0;
    };

    // Layers are alike: what one needs, those before it have given back.
    Piece Take(size_t bytes) {
        for (size_t i = free_.size(); i-- > 0;) {
            if (free_[i].size < bytes || free_[i].size > 4 * bytes) continue;
            const Piece piece = free_[i];
            free_[i] = free_.back();
            free_.pop_back();
            return piece;
        }
        taken_.push_back({workspace_.Take(bytes), bytes});
        return taken_.back();
    }

    const Region& region_;
    OrtKernelContext* context_;
    Workspace& workspace_;
    std::vector<Tensor> tensors_;
    std::vector<Piece> memory_;  // by value
    std::vector<Piece> taken_, free_;
};

class Region::NodeContext final : public Context {
   public:
    NodeContext(const Node& node, Values& values, Team& team) : node_(node), values_(values), team_(team) {}

    Tensor Input(size_t index) const override {
        return index < node_.inputs.size() && node_.inputs[index] >= 0 ? values_[node_.inputs[index]] : Tensor{};
    }

    void Run(int64_t count, int64_t batches, Call call, void* data) override { team_.Share(count, batches, call, data); }

    Grain Worth() const override { return {1'500, 500}; }

   protected:
    void* Output(size_t index, const Shape& shape, ONNXTensorElementDataType type) override {
        return index < node_.outputs.size() && node_.outputs[index] >= 0 ? values_.Allocate(node_.outputs[index], shape, type) : nullptr;
    }

   private:
    const Node& node_;
    Values& values_;
    Team& team_;
};

Region::Region(const OrtKernelInfo* kernel_info) {
    const OrtNodeInfo info(kernel_info);
    label_ = "Region '" + info.Name() + "': ";
    for (size_t i = 0; i < info.InputCount(); i++) constants_.push_back(info.ConstantInput(i));
    try {
        const Program program(info.StringAttribute("program", ""), static_cast<int>(constants_.size()));
        values_ = program.values;
        output_of_.assign(values_, -1);
        std::vector<int> last_reader(values_, -1);
        for (const ProgramNode& node : program.nodes) {
            const KnownOp& op = OpNamed(node.op);
            const ProgramInfo node_info(constants_, node);
            Node made{node.op + " '" + node.name + "'", nullptr, node.inputs, node.outputs, {}, {}};
            for (size_t i = 0; i < op.inputs; i++) {
                if (op.is_required(i) && !node_info.HasInput(i)) throw InvalidInput(made.name + " lacks its input " + std::to_string(i));
                made.types.push_back(op.type(i, node.type));
            }
            made.kernel = op.create(node_info, node.type);
            for (const int input : node.inputs)
                if (input >= 0) last_reader[input] = static_cast<int>(nodes_.size());
            // What nobody reads goes at once.
            for (const int output : node.outputs)
                if (output >= 0) last_reader[output] = static_cast<int>(nodes_.size());
            nodes_.push_back(std::move(made));
        }
        const std::string outputs = info.StringAttribute("outputs", "");
        for (size_t at = 0, output = 0; at < outputs.size(); output++) {
            size_t length = 0;
            const int value = std::stoi(outputs.substr(at), &length);
            if (value < static_cast<int>(constants_.size()) || value >= values_) throw InvalidInput("the output " + std::to_string(value) + " is no value of a node");
            output_of_[value] = static_cast<int>(output);
            at += length + 1;
        }
        for (int value = static_cast<int>(constants_.size()); value < values_; value++)
            if (output_of_[value] < 0) nodes_[last_reader[value]].last_read.push_back(value);
    } catch (const InvalidInput& e) {
        throw InvalidInput(label_ + e.what());
    }
}

void Region::Run(OrtKernelContext* context) const {
    Team::Run(context, [&](Team& team) {
        Values values(*this, context);
        for (const Node& node : nodes_) {
            for (size_t i = 0; i < std::min(node.inputs.size(), node.types.size()); i++)
                if (node.inputs[i] >= 0 && values[node.inputs[i]].Exists() && values[node.inputs[i]].type != node.types[i])
                    throw InvalidInput(label_ + "input " + std::to_string(i) + " of " + node.name + " has the wrong type");
            NodeContext running(node, values, team);
            node.kernel->Run(running);
            for (const int value : node.last_read) values.Free(value);
        }
    });
}

}  // namespace onnxmoe
