using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// The heads of an attention layer as experts, stacked: the columns of query, key and value and the rows of the output that belong to
/// a head. The sum over all heads is the dense layer (UoE; Yang et al. 2025, arXiv 2503.02495).
/// </summary>
public sealed class HeadBank(LayerScope scope, int size, int heads, double deviation) : Layer(scope)
{
    private readonly Weight _qkv = scope.Normal("qkv", deviation, heads, size, 3 * (size / heads));
    private readonly Weight _output = scope.Normal("output", deviation, heads, size / heads, size);

    /// <summary>Number of heads, H.</summary>
    public int Heads { get; } = heads;

    /// <summary>Width of a head, d.</summary>
    public int HeadSize { get; } = size / heads;

    /// <summary>Parameters of one head.</summary>
    public long ParametersPerHead => 4L * size * HeadSize;

    /// <summary>Query, key and value side by side [R, K, 3 d] of rows [R, D], in the heads [R, K] (-1: zeros).</summary>
    public Value Project(Value rows, Value heads) => rows.GroupedLinear(heads, rows.Ops.Weight(_qkv));

    /// <summary>What the heads [R, K] (-1: nothing) make of their mixed values [R, K, d], times the weights [R, K], added up: [R, D].</summary>
    public Value Output(Value mixed, Value heads, Value weights) => mixed.GroupedLinear(heads, mixed.Ops.Weight(_output), weights: weights, perPick: true);
}
