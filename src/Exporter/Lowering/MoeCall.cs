using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>
/// GroupedFfn as <c>com.microsoft</c> MoE. That op chooses experts itself, from logits; logits that are the logarithm of the
/// wanted weight at the chosen experts and minus infinity elsewhere make it choose those, with weights normalized to sum to
/// one; its result times the sum of the wanted weights is ours.
/// </summary>
internal static class MoeCall
{
    /// <summary>The result, or null when the op lacks the activation or the experts are not stored weights.</summary>
    /// <exception cref="UserError">A combine weight might be negative, which the op cannot express.</exception>
    public static Value? TryLower(OnnxOps ops, Value?[] inputs, string activation)
    {
        Value? In(int i) => i < inputs.Length ? inputs[i] : null;
        var (x, indices, weights, up, down, gate) = (inputs[0]!, inputs[1]!, inputs[2]!, inputs[3]!, inputs[4]!, In(5));
        if (!Has(activation, gate is not null) || ops.InitializerOf(up) is not { } stored
            || ops.InitializerOf(down) is null || (gate is not null && ops.InitializerOf(gate) is null))
            return null;
        RequireNonNegative(ops, weights);

        var experts = stored.Shape[0];
        var chosen = Scatter(ops, indices, weights, experts); // [T, E]
        var bias = FirstBias(In(6), In(8), gate is not null);
        var attributes = AttributesOf(ops, indices, experts, activation, gate is not null);
        var first = gate is null
            ? ops.Fold("fc1", [up], stacks => stacks[0].Transpose(0, 2, 1))
            : ops.Fold("fc1", [gate, up], stacks => Interleaved(stacks[0].Transpose(0, 2, 1), stacks[1].Transpose(0, 2, 1), 3));
        var second = ops.Fold("fc2", [down], stacks => stacks[0].Transpose(0, 2, 1));
        var sum = ops.Append(OnnxRuntimeTarget.Domain, "MoE", [x, chosen.Log(), first, bias, second, In(7)], attributes, x.Type)[0];
        return sum * chosen.ReduceSum([1]);
    }

    /// <summary>Whether the op has the activation. Its gelu is the tanh approximation, and the only gate it has is silu's.</summary>
    public static bool Has(string activation, bool gated) => activation != "gelu" && (!gated || activation == "silu");

    /// <exception cref="UserError">A combine weight might be negative, which the op cannot express.</exception>
    public static void RequireNonNegative(OnnxOps ops, Value weights)
    {
        if (!ValueFacts.IsNonNegative(ops, weights))
            throw new UserError("The target onnxruntime cannot express this routing: its MoE operator drops experts with a negative weight, and these weights "
                + $"('{((OnnxValue)weights).Name}') are not known to be positive; export with the target onnxmoe or onnx instead.");
    }

    /// <summary>The bias of the first product: gate's and up's in turn where there is a gate; null: none.</summary>
    public static Value? FirstBias(Value? up, Value? gate, bool gated) =>
        (up is null && gate is null) || !gated ? up : Interleaved(gate ?? up! * 0, up ?? gate! * 0, 2);

    /// <summary>How many experts, which activation, and how gate and up lie.</summary>
    public static Attributes AttributesOf(OnnxOps ops, Value indices, long experts, string activation, bool gated)
    {
        var attributes = new Attributes
        {
            ["k"] = ValueFacts.SlotsOf(ops, indices) ?? experts,
            ["activation_type"] = gated ? "swiglu" : activation,
            ["normalize_routing_weights"] = 1L,
        };
        if (gated)
        {
            attributes["swiglu_fusion"] = 1L; // gate and up rows in turn
            attributes["activation_alpha"] = 1f;
            attributes["activation_beta"] = 0f;
        }
        return attributes;
    }

    /// <summary>Row 0 of a, row 0 of b, row 1 of a, ... along axis 1 of [E, F, ...] tensors with <paramref name="rank"/> dimensions.</summary>
    private static Value Interleaved(Value a, Value b, int rank)
    {
        var pairs = new[] { a.Unsqueeze(2), b.Unsqueeze(2) }.Concat(2);
        return rank == 2 ? pairs.Reshape(0, -1) : pairs.Reshape(pairs.Ops.Constant(HostTensor.Vector(0L, -1L)).Join(a.Size(2)));
    }

    private static Value Join(this Value a, Value b) => new[] { a, b }.Concat(0);

    /// <summary>Each token's weight for every expert, 0 for those it does not use: [T, E].</summary>
    public static Value Scatter(OnnxOps ops, Value indices, Value weights, long experts)
    {
        var certain = ValueFacts.SlotsOf(ops, indices) is not null;
        // -1 goes to a column of its own, cut off afterwards.
        var columns = certain ? experts : experts + 1;
        var places = certain ? indices : indices.Less(indices.Scalar(0)).Where(indices.Scalar(experts), indices);
        var zeros = weights.Scalar(0).Expand(indices.Size(0).Join(ops.Ints(columns)));
        var scattered = zeros.ScatterElements(places, weights, 1, "add");
        return certain ? scattered : scattered.Slice(1, 0, experts);
    }
}
