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
            "GroupedFfn" => Ffn(ops, inputs, attributes),
            "GroupedLinear" => Linear(ops, inputs, attributes),
            "RmsNorm" => [RmsNorm(ops, inputs[0]!, inputs[1]!, attributes.Float("epsilon", 1e-5f))],
            "CausalAttention" => Attention(ops, new(inputs[0]!, inputs[1]!, inputs[2]!, In(3), In(4), In(5), inputs[6]!, inputs[7]!, inputs[8]!,
                attributes.RequiredInt("num_heads"), attributes.RequiredInt("kv_num_heads"))),
            _ => throw new UserError($"There is no operator {OpSet.MoeDomain}:{op}, so it cannot be exported."),
        };
    }

    protected virtual Value[] Ffn(OnnxOps ops, Value?[] inputs, Attributes attributes)
    {
        bool Has(int i) => i < inputs.Length && inputs[i] is not null;
        var activation = attributes.Text("activation", "silu");
        inputs = StoredHalves(ops, inputs, [3, 4, 5]);
        var variant = new FfnVariant(activation, Has(5), Has(6), Has(7), Has(8), inputs[3]!.Type == ElementType.Float16);
        var function = ops.Functions.Get("GroupedFfn", variant, name => GroupedFfnFunction.Build(name, variant));
        return ops.Append(OpSet.MoeDomain, function.Name, inputs, new() { ["activation"] = activation }, ElementType.Float);
    }

    protected virtual Value RmsNorm(OnnxOps ops, Value x, Value scale, float epsilon) => Compositions.RmsNorm(x, scale, epsilon);

    protected virtual Value[] Attention(OnnxOps ops, AttentionCall call)
    {
        var variant = new AttentionVariant(call.Heads, call.KvHeads, call.PastKey is not null, call.Mask is not null);
        var function = ops.Functions.Get(MoeFunctions.CausalAttention, variant, name => AttentionFunction.Build(name, variant));
        return ops.Append(OpSet.MoeDomain, function.Name,
            [call.Query, call.Key, call.Value, call.PastKey, call.PastValue, call.Mask, call.Positions, call.Cos, call.Sin],
            new() { ["num_heads"] = call.Heads, ["kv_num_heads"] = call.KvHeads }, call.Query.Type, call.Query.Type, call.Query.Type);
    }

    private static Value[] Linear(OnnxOps ops, Value?[] inputs, Attributes attributes)
    {
        bool Has(int i) => i < inputs.Length && inputs[i] is not null;
        var perPick = attributes.Int("per_pick", 0);
        inputs = StoredHalves(ops, inputs, [2]);
        var variant = new LinearVariant(perPick != 0, Has(3), Has(4), inputs[2]!.Type == ElementType.Float16);
        var function = ops.Functions.Get("GroupedLinear", variant, name => GroupedLinearFunction.Build(name, variant));
        return ops.Append(OpSet.MoeDomain, function.Name, inputs, new() { ["per_pick"] = perPick }, ElementType.Float);
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
