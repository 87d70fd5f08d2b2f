using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>Looks at the gradients that a backward pass left, or at what stands for them, and changes nothing.</summary>
public static class GradientProbe
{
    /// <summary>
    /// For each candidate of a cell network the norms of its weights' gradients, summed over all cells and the edges that run it, over the number of these edges; null
    /// for a candidate that has no weights or that the architecture does not run (Lu et al. 2023, PA&amp;DA, arXiv 2302.14772).
    /// </summary>
    public static double?[] OfCandidates(CellClassifier model, Architecture architecture)
    {
        var genes = architecture.Genes.ToArray();
        return [.. Enumerable.Range(0, model.Candidates[0].Count).Select(op =>
        {
            int[] edges = [.. Enumerable.Range(0, genes.Length).Where(edge => genes[edge] == op)];
            Weight[] weights = [.. edges.SelectMany(edge => model.Cells.SelectMany(cell => cell.Edges[edge][op].Weights)).Where(weight => weight.IsTrainable)];
            return weights.Length == 0 ? (double?)null : weights.Sum(NormOf) / edges.Length;
        })];
    }

    /// <summary>Norm of a weight's gradient; 0 where there is none.</summary>
    public static double NormOf(Weight weight)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return weight.Parameter.grad is { } gradient ? gradient.norm().item<float>() : 0;
    }

    /// <summary>
    /// Of each example the norm of its cross-entropy's gradient by the logits, |softmax(z) - onehot(y)|, which needs no backward pass and goes with the norm of the whole
    /// gradient (Katharopoulos and Fleuret 2018, arXiv 1803.00942).
    /// </summary>
    /// <param name="logits">[B, classes]</param>
    /// <param name="labels">[B]</param>
    public static double[] OfLogits(Tensor logits, IReadOnlyList<long> labels)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var classes = (int)logits.shape[1];
        var shares = logits.detach().to_type(ScalarType.Float64).softmax(1).cpu().data<double>().ToArray();
        return [.. labels.Select((label, i) => Math.Sqrt(Enumerable.Range(0, classes).Sum(one => Math.Pow(shares[(i * classes) + one] - (one == label ? 1 : 0), 2))))];
    }

    /// <summary>The gradients of some weights behind each other, in double precision; zeros for a weight that has none.</summary>
    public static double[] Vector(IReadOnlyList<Weight> weights)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return [.. weights.SelectMany(weight => weight.Parameter.grad is { } gradient ? gradient.to_type(ScalarType.Float64).cpu().contiguous().data<double>().ToArray() : new double[weight.Parameter.numel()])];
    }

    /// <summary>1 less the cosine of each pair; 1 where one of the two is zero (Hu et al. 2022, GM-NAS, arXiv 2203.15207).</summary>
    /// <returns>Symmetric, 0 to 2.</returns>
    public static double[,] Distances(IReadOnlyList<double[]> gradients)
    {
        var norms = gradients.Select(gradient => Math.Sqrt(Dot(gradient, gradient))).ToArray();
        var distances = new double[gradients.Count, gradients.Count];
        for (var i = 0; i < gradients.Count; i++)
            for (var j = 0; j <= i; j++)
                distances[i, j] = distances[j, i] = norms[i] == 0 || norms[j] == 0 ? 1 : 1 - Math.Clamp(Dot(gradients[i], gradients[j]) / norms[i] / norms[j], -1, 1);
        return distances;
    }

    private static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
