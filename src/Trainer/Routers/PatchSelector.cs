using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Expert choice among preferences (the data selection of UoE; Yang et al. 2025, arXiv 2503.02495): a patch prefers its K most probable
/// experts, whose probabilities are made to sum to 1, and each expert takes the C patches that prefer it most. With K = N it is expert
/// choice (Zhou et al. 2022, arXiv 2202.09368). Nothing depends on the rest of the batch, but a patch's experts do on later patches.
/// </summary>
/// <param name="experts">N.</param>
/// <param name="expertsPerPatch">K.</param>
/// <param name="capacity">C as a fraction of the M patches, rounded up.</param>
public sealed class PatchSelector(int experts, int expertsPerPatch, double capacity)
{
    /// <summary>What rounding may add to a whole number of patches before it counts as one more.</summary>
    private const double Rounding = 1e-4;

    /// <param name="probabilities">[B, M, N]</param>
    /// <param name="real">[B, M, 1] bool: false for padding, which no expert takes; null: all are real.</param>
    public PatchSelection Select(Value probabilities, Value? real = null)
    {
        var (preferred, picks) = probabilities.TopK(expertsPerPatch); // [B, M, K]
        var scores = (probabilities * 0).ScatterElements(picks, preferred / preferred.ReduceSum([-1]), 2);
        if (real is not null)
            scores = real.Where(scores, scores.Scalar(-1)); // behind every real patch
        var count = Count(scores.Size(1));
        var (best, chosen) = scores.Transpose(0, 2, 1).TopK(count); // [B, N, C], falling
        var (patches, order) = chosen.TopK(count, largest: false);
        var taken = best.GatherElements(order, 2).Greater(best.Scalar(0));

        var members = (probabilities.Transpose(0, 2, 1) * 0).ScatterElements(patches, taken.Cast(scores.Type), 2).Transpose(0, 2, 1); // [B, M, N]
        var kept = members.GatherElements(picks, 2);
        return new PatchSelection(patches, taken, kept.Greater(kept.Scalar(0)).Where(picks, picks.Scalar(-1)), preferred * kept);
    }

    /// <summary>C as [1] int64 for M patches.</summary>
    private Value Count(Value patches)
    {
        var share = (patches.Cast(ElementType.Float) * capacity - Rounding).Ceil().Cast(ElementType.Int64);
        return share.Max(patches.Ops.Ints(1));
    }

    /// <summary>Patches of a sequence of M that an expert runs on, over M: what an expert works, relative to one that runs on all.</summary>
    public double Share(double patches) => Math.Max(1, Math.Ceiling(patches * capacity - Rounding)) / patches;

    /// <summary>Number of experts, N.</summary>
    public int Experts { get; } = experts;
}
