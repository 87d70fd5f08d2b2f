using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>What the heads of a block's attention did, for a router that looks at it. Attention that leaves it is not fused.</summary>
/// <param name="Weights">[B, H, S, P + S]: how much each head of each token looks at each token; rows sum to 1.</param>
/// <param name="Contexts">[B, H, S, headSize]: what the heads found.</param>
/// <param name="Projection">The attention's output matrix [H * headSize, D].</param>
public sealed record AttentionHeads(Value Weights, Value Contexts, Value Projection)
{
    /// <summary>The part of each head in the output of the attention, [B, H, S, D]; their sum over H is the output.</summary>
    /// <param name="heads">H.</param>
    public Value Outputs(int heads) => Contexts.MatMul(Projection.Reshape(new[] { Contexts.Ops.Ints(heads, -1), Projection.Size(1) }.Concat(0)));
}
