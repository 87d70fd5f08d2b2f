using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>
/// GroupedFfn with stacks of codes as <c>com.microsoft</c> QMoE. That op takes the experts of the highest scores and mixes them by weights of their own, so both
/// are the wanted weights, 0 for the experts that a token does not use.
/// </summary>
internal static class QMoeCall
{
    /// <summary>The input that holds the mixing weights.</summary>
    public const int WeightsInput = 14;

    /// <summary>The result, or null when the op lacks the activation, or takes no blocks in matrices of this size, or the experts are no stored weights.</summary>
    /// <exception cref="UserError">A combine weight might be negative, which the op cannot express.</exception>
    public static Value? TryLower(OnnxOps ops, Value?[] inputs, string activation)
    {
        Value? In(int i) => i < inputs.Length ? inputs[i] : null;
        StoredMatrix? Stored(Value? stack) => stack is null ? null : StoredMatrix.Behind(ops, ((OnnxValue)stack).Name);
        var (x, indices, weights, gated) = (inputs[0]!, inputs[1]!, inputs[2]!, In(5) is not null);
        if (!MoeCall.Has(activation, gated) || Stored(inputs[3]) is not { } up || Stored(inputs[4]) is not { } down
            || (gated && Stored(In(5)) is null) || !TakesBlocks(up.Initializer.Shape[1]) || !TakesBlocks(down.Initializer.Shape[1]))
            return null;
        MoeCall.RequireNonNegative(ops, weights);

        var bits = ops.Precision.CodeBits()!.Value;
        var chosen = MoeCall.Scatter(ops, indices, weights, up.Initializer.Shape[0]); // [T, E]
        var first = Stored(In(5)) is { } gate ? Both(ops, gate, up) : up.Rows(ops);
        var second = down.Rows(ops);
        var call = new Value?[WeightsInput + 1];
        (call[0], call[1], call[2], call[3], call[4]) = (x, chosen, first[0], first[1], MoeCall.FirstBias(In(6), In(8), gated));
        (call[5], call[6], call[7], call[WeightsInput]) = (second[0], second[1], In(7), chosen);
        var attributes = MoeCall.AttributesOf(ops, indices, up.Initializer.Shape[0], activation, gated);
        attributes["normalize_routing_weights"] = 0L;
        attributes["expert_weight_bits"] = (long)bits;
        attributes["block_size"] = (long)BlockCodes.BlockSize;
        return ops.Append(OnnxRuntimeTarget.Domain, OnnxRuntimeTarget.QuantizedExpertsOp, call, attributes, x.Type)[0];
    }

    /// <summary>It knows blocks of whole size only, and takes a single one for a scale a row, in another layout.</summary>
    private static bool TakesBlocks(long depth) => depth % BlockCodes.BlockSize == 0 && depth > BlockCodes.BlockSize;

    /// <summary>Gate and up in one: their outputs in turn.</summary>
    private static OnnxValue[] Both(OnnxOps ops, StoredMatrix gate, StoredMatrix up)
    {
        ops.Quantized.UnionWith([gate.Key, up.Key]);
        var name = up.Initializer.Name;
        var both = FoldedInitializer.Of($"{name[..(name.LastIndexOf('.') + 1)]}fc1", [gate.Initializer, up.Initializer],
            stacks => new[] { stacks[0].Unsqueeze(3), stacks[1].Unsqueeze(3) }.Concat(3).Reshape(0, 0, -1)); // [E, D, 2F]
        return StoredMatrix.Rows(ops, $"{gate.Key} {up.Key}", both);
    }
}
