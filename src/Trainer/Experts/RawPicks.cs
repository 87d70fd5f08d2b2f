using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Experts;

/// <summary>What a router picked among experts of all kinds.</summary>
/// <param name="Experts">[T, K] int64 of the N experts scored, -1 for none.</param>
/// <param name="Weights">[T, K]: combine weights.</param>
public sealed record RawPicks(Value Experts, Value Weights)
{
    /// <summary>The weight that each token gives to each of M experts [T, M], 0 where it did not pick it.</summary>
    public Value WeightsOf(IReadOnlyList<int> experts)
    {
        var numbers = Experts.Ops.Constant(Artifacts.Tensors.HostTensor.Vector([.. experts.Select(e => (long)e)]));
        return Experts.Unsqueeze(-1).Equal(numbers).Where(Weights.Unsqueeze(-1), Weights.Scalar(0)).ReduceSum([1], keepDims: false);
    }
}
