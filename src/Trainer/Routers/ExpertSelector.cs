using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Selects the experts that run for a whole sequence (the expert selection of UoE; Yang et al. 2025, arXiv 2503.02495): the k highest
/// scores of a linear map of the mean token. The authors' code maps all tokens side by side, which fixes the length and is huge.
/// </summary>
/// <param name="scope">Of the map [D, N].</param>
/// <param name="size">D.</param>
/// <param name="experts">N.</param>
/// <param name="count">k.</param>
/// <param name="deviation">Of the initial weights.</param>
public sealed class ExpertSelector(LayerScope scope, int size, int experts, int count, double deviation) : Layer(scope)
{
    private readonly Weight _weight = scope.Normal("weight", deviation, size, experts);

    /// <summary>k.</summary>
    public int Count { get; } = count;

    /// <param name="x">[B, S, D], normalized.</param>
    /// <param name="real">[B, S, 1], 0 for padding and else 1; null: all are real.</param>
    /// <returns>
    /// The selected experts [B, k], ascending; for all experts whether they are selected, bool [B, 1, N]; and the sum of the selected
    /// ones' softmax [B, 1, 1].
    /// </returns>
    public (Value Experts, Value IsSelected, Value Mass) Select(Value x, Value? real)
    {
        var mean = real is null ? x.ReduceMean([1]) : (x * real).ReduceSum([1]) / real.ReduceSum([1]); // [B, 1, D]
        var probabilities = mean.MatMul(_weight).Softmax(); // [B, 1, N]
        var (best, chosen) = probabilities.TopK(Count);
        var selected = (probabilities * 0).ScatterElements(chosen, best.Scalar(1).Expand(best.Shape()), 2);
        var ascending = chosen.TopK(chosen.Ops.Ints(Count), largest: false).Values.Squeeze(1);
        return (ascending, selected.Greater(selected.Scalar(0)), best.ReduceSum([-1]));
    }
}
