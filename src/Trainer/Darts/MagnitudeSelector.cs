using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>Keeps the candidate with the largest architecture weight, none among them (Liu et al. 2019, arXiv 1806.09055; Dong and Yang 2020, arXiv 2001.00326).</summary>
public sealed class MagnitudeSelector : OpSelector
{
    public override IReadOnlyList<double> Score(SoftGates gates, int edge) => Shares(gates)[edge];

    public override int Best(IReadOnlyList<double> scores) => Enumerable.Range(0, scores.Count).MaxBy(op => scores[op]);

    /// <summary>Each edge's architecture weights after the softmax.</summary>
    public static double[][] Shares(SoftGates gates)
    {
        using var noGrad = no_grad();
        var shares = ((TorchValue)gates.Shares(new TorchOps())).ToHost();
        var candidates = (int)shares.Shape[1];
        return [.. shares.AsSpan<float>().ToArray().Chunk(candidates).Select(row => Array.ConvertAll(row, share => (double)share))];
    }

    /// <summary>What each edge keeps when all are decided at once.</summary>
    public static int[] Largest(SoftGates gates) => [.. Shares(gates).Select((row, edge) => gates.Decided[edge] ?? Array.IndexOf(row, row.Max()))];
}
