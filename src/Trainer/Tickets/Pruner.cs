using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tickets;

/// <summary>
/// Prunes the elements of the lowest scores of all weights together. Scores are of the stored values, also of elements that are pruned already, so that they compete
/// again each time.
/// </summary>
public static class Pruner
{
    /// <summary>Sets the masks of <see cref="MaskedWeight"/>s. Of the parts that passes use, floor(ratio x elements) are pruned, and all that score the same as the last.</summary>
    /// <param name="weights">Whose mixtures are masked weights.</param>
    /// <param name="ratio">0 to below 1.</param>
    /// <param name="score">A score for each element [elements of the part] of the weight of a number.</param>
    /// <returns>Pruned elements and all elements.</returns>
    /// <exception cref="UserError">The ratio is out of range.</exception>
    public static (long Pruned, long All) Prune(IReadOnlyList<Weight> weights, double ratio, Func<int, float[], double[]> score)
    {
        if (ratio is < 0 or >= 1)
            throw new UserError($"The share of weights to prune is {ratio}; it must be from 0 to below 1.");
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ops = new TorchOps();
        double[][] scores = [.. weights.Select((weight, i) => weight.UsedCount == 0 ? [] : score(i, TorchOps.TensorOf(ops.Part(weight)).flatten().data<float>().ToArray()))];
        double[] ordered = [.. scores.SelectMany(one => one).Order()];
        var pruned = 0L;
        var count = (int)Math.Floor(ratio * ordered.Length);
        var threshold = count == 0 ? double.NegativeInfinity : ordered[count - 1];
        for (var i = 0; i < weights.Count; i++)
        {
            // A weight that lost all its elements would cut the network in two; it keeps its best.
            var best = scores[i].Length == 0 ? 0 : scores[i].Max();
            float[] mask = [.. scores[i].Select(one => one > threshold || (best <= threshold && one == best) ? 1f : 0f)];
            pruned += mask.Count(value => value == 0);
            if (mask.Length > 0)
                Write(weights[i], mask);
        }
        return (pruned, ordered.Length);
    }

    /// <summary>Lets all elements be used again.</summary>
    public static void Reset(IEnumerable<Weight> weights)
    {
        using var noGrad = no_grad();
        foreach (var weight in weights)
            ((MaskedWeight)weight.Mixture!).Mask.Parameter.fill_(1);
    }

    private static void Write(Weight weight, float[] mask)
    {
        var stored = ((MaskedWeight)weight.Mixture!).Mask.Parameter.view(-1);
        var part = weight.Part ?? WeightPart.Leading(weight.Shape);
        stored.scatter_(0, tensor(part.Positions(weight.Shape)), tensor(mask));
    }
}
