using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Limits how many picks an expert takes from a batch (Jin et al. 2024, arXiv 2410.07348, section 3.3): of A picks, a feed-forward expert takes
/// ceil(factor * A * tau / (tau E + Z)) and one of the Z zero-computation experts ceil(factor * A / (tau E + Z)). The picks of the lowest
/// probability are dropped, of equal ones those of later tokens.
/// </summary>
/// <param name="kinds">The N experts.</param>
/// <param name="factor">Called gamma.</param>
/// <param name="tau">Share of a feed-forward expert against that of a zero-computation one.</param>
/// <param name="perToken">A is the number of tokens rather than of picks.</param>
public sealed class CapacityRule(ExpertKinds kinds, double factor, double tau, bool perToken)
{
    private readonly HostTensor _shares = HostTensor.Vector([.. Enumerable.Range(0, kinds.Count)
        .Select(i => (float)(factor * (kinds[i] == ExpertKind.Ffn ? tau : 1) / (tau * kinds.Stored + kinds.Count - kinds.Stored)))]);

    /// <summary>The capacity of each expert [N], as whole numbers of the probabilities' type.</summary>
    /// <param name="picks">[T, K]</param>
    /// <param name="like">Gives the element type.</param>
    public Value Capacities(Value picks, Value like)
    {
        var shape = picks.Shape().Cast(like.Type);
        var picked = perToken ? shape.Slice(0, 0, 1) : shape.ReduceProd([0]);
        // A product such as 1.1 * 10 may come out a rounding above a whole number, which would be one pick too many.
        return (picked * picks.Ops.Constant(_shares) * (1 - 1e-6)).Ceil();
    }

    /// <summary>The picks that stay: dropped ones become -1.</summary>
    /// <param name="picks">[T, K] int64, -1 for none.</param>
    /// <param name="probabilities">[T, K]: what the experts rank their picks by.</param>
    public Value Keep(Value picks, Value probabilities)
    {
        var ops = picks.Ops;
        var numbers = ops.Constant(HostTensor.Vector([.. Enumerable.Range(0, kinds.Count).Select(i => (long)i)]));
        var picked = picks.Unsqueeze(-1).Equal(numbers); // [T, K, N]
        var scores = picked.Where(probabilities.Unsqueeze(-1), probabilities.Scalar(-1)).ReduceMax([1], keepDims: false); // [T, N], -1: not picked
        var tokens = picks.Size(0);
        var order = scores.TopK(tokens, axis: 0).Indices; // [T, N]: the tokens of each expert, the best first
        var ranks = ops.Constant(HostTensor.Scalar(0L)).Range(tokens.Squeeze(0), ops.Constant(HostTensor.Scalar(1L))).Unsqueeze(1).Expand(order.Shape());
        var rank = ranks.ScatterElements(order, ranks, 0).Cast(probabilities.Type); // [T, N]: each token's place
        var fits = rank.Less(Capacities(picks, probabilities)).Unsqueeze(1).And(picked).Cast(picks.Type).ReduceMax([2], keepDims: false); // [T, K]
        return fits.Greater(fits.Scalar(0)).Where(picks, picks.Scalar(-1));
    }
}
