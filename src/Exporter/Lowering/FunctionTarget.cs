using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Functions;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>
/// The targets onnx and onnxmoe: MoE ops are calls of model-local functions, which the native kernels replace where they are
/// registered; everything else is standard ONNX.
/// </summary>
internal class FunctionTarget : TargetLowering
{
    public override Value[] Lower(OnnxOps ops, string op, Value?[] inputs, Attributes attributes, int outputs)
    {
        Value? In(int i) => i < inputs.Length ? inputs[i] : null;
        return op switch
        {
            MoeFunctions.GroupedFfn => Ffn(ops, inputs, attributes),
            MoeFunctions.GroupedLinear => ops.Append(GroupedLinearCall(ops, StoredHalves(ops, inputs, [2]), attributes), ElementType.Float),
            MoeFunctions.QuantizedGroupedFfn => ops.Append(FfnCall(ops, inputs, attributes), ElementType.Float),
            MoeFunctions.QuantizedGroupedLinear => ops.Append(GroupedLinearCall(ops, inputs, attributes), ElementType.Float),
            MoeFunctions.Linear or MoeFunctions.QuantizedLinear => ops.Append(LinearCall(ops, inputs), ElementType.Float),
            "RmsNorm" => [RmsNorm(ops, inputs[0]!, inputs[1]!, attributes.Float("epsilon", 1e-5f))],
            "CausalAttention" => Attention(ops, new(inputs[0]!, inputs[1]!, inputs[2]!, In(3), In(4), In(5), inputs[6]!, inputs[7]!, inputs[8]!,
                attributes.RequiredInt("num_heads"), attributes.RequiredInt("kv_num_heads"))),
            _ => throw new UserError($"There is no operator {OpSet.MoeDomain}:{op}, so it cannot be exported."),
        };
    }

    internal override NodeProto? StoredProduct(OnnxOps ops, Value x, StoredMatrix matrix) => matrix.Form(ops.Precision) switch
    {
        MatrixForm.Float => null,
        MatrixForm.Half => LinearCall(ops, [x, matrix.Halves(ops)]),
        _ => LinearCall(ops, [x, .. matrix.Codes(ops)]),
    };

    protected virtual Value[] Ffn(OnnxOps ops, Value?[] inputs, Attributes attributes) =>
        ops.Append(FfnCall(ops, StoredHalves(ops, inputs, [3, 4, 5]), attributes), ElementType.Float);

    protected virtual Value RmsNorm(OnnxOps ops, Value x, Value scale, float epsilon) => Compositions.RmsNorm(x, scale, epsilon);

    protected virtual Value[] Attention(OnnxOps ops, AttentionCall call)
    {
        var variant = new AttentionVariant(call.Heads, call.KvHeads, call.PastKey is not null, call.Mask is not null);
        var function = ops.Functions.Get(MoeFunctions.CausalAttention, variant, name => AttentionFunction.Build(name, variant));
        return ops.Append(OpSet.MoeDomain, function.Name,
            [call.Query, call.Key, call.Value, call.PastKey, call.PastValue, call.Mask, call.Positions, call.Cos, call.Sin],
            new() { ["num_heads"] = call.Heads, ["kv_num_heads"] = call.KvHeads }, call.Query.Type, call.Query.Type, call.Query.Type);
    }

    /// <summary>The call of GroupedFfn, or where the stacks are codes with scales behind them, of its form on codes.</summary>
    internal static NodeProto FfnCall(OnnxOps ops, Value?[] inputs, Attributes attributes)
    {
        var form = MatrixForms.Of(inputs[3]!.Type);
        var (op, gate) = form.IsCodes() ? (MoeFunctions.QuantizedGroupedFfn, 7) : (MoeFunctions.GroupedFfn, 5);
        var biases = form.IsCodes() ? gate + 2 : gate + 1;
        bool Has(int i) => i < inputs.Length && inputs[i] is not null;
        var activation = attributes.Text("activation", "silu");
        var variant = new FfnVariant(activation, Has(gate), Has(biases), Has(biases + 1), Has(biases + 2), form);
        var function = ops.Functions.Get(op, variant, name => GroupedFfnFunction.Build(name, variant));
        return ops.Node(OpSet.MoeDomain, function.Name, inputs, new() { ["activation"] = activation });
    }

    /// <summary>The call of GroupedLinear, or where the matrices are codes with scales behind them, of its form on codes.</summary>
    internal static NodeProto GroupedLinearCall(OnnxOps ops, Value?[] inputs, Attributes attributes)
    {
        var form = MatrixForms.Of(inputs[2]!.Type);
        var (op, bias) = form.IsCodes() ? (MoeFunctions.QuantizedGroupedLinear, 4) : (MoeFunctions.GroupedLinear, 3);
        bool Has(int i) => i < inputs.Length && inputs[i] is not null;
        var perPick = attributes.Int("per_pick", 0);
        var variant = new LinearVariant(perPick != 0, Has(bias), Has(bias + 1), form);
        var function = ops.Functions.Get(op, variant, name => GroupedLinearFunction.Build(name, variant));
        return ops.Node(OpSet.MoeDomain, function.Name, inputs, new() { ["per_pick"] = perPick });
    }

    /// <summary>The call of Linear, or where the matrix is codes with scales behind them, of its form on codes.</summary>
    private static NodeProto LinearCall(OnnxOps ops, Value?[] inputs)
    {
        var form = MatrixForms.Of(inputs[1]!.Type);
        var function = ops.Functions.Get(form.IsCodes() ? MoeFunctions.QuantizedLinear : MoeFunctions.Linear, form, name => LinearFunction.Build(name, form));
        return ops.Node(OpSet.MoeDomain, function.Name, inputs, []);
    }

    /// <summary>The inputs with the given weight stacks as the float16 initializers they were cast from, if all of them are.</summary>
    private static Value?[] StoredHalves(OnnxOps ops, Value?[] inputs, int[] stacks)
    {
        var halves = stacks.Where(i => i < inputs.Length && inputs[i] is not null).Select(i => (i, Half: ops.StoredHalf(inputs[i]!))).ToArray();
        if (halves.Any(stack => stack.Half is null))
            return inputs;
        var replaced = (Value?[])inputs.Clone();
        foreach (var (i, half) in halves)
            replaced[i] = half;
        return replaced;
    }
}
