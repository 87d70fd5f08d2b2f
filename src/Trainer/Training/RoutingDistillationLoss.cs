using OnnxMoe.Trainer.Conversions;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// Teaches a router before the model which expert keeps what a token activates in the dense model: one decision against the targets of all
/// layers, whose losses are summed (Cai et al. 2024, Read-ME, arXiv 2410.19123).
/// </summary>
public sealed class RoutingDistillationLoss
{
    /// <summary>The published code's target; see <see cref="RankScores"/>.</summary>
    public const string Ranks = "ranks";

    /// <summary>The paper's target; see <see cref="OverlapScores"/>.</summary>
    public const string Overlap = "overlap";

    private const double HardShare = 0.75;
    private const double LabelSmoothing = 0.5; // as published: the scores of the experts are close to each other

    private readonly bool _ranks;
    private readonly IReadOnlyList<Tensor> _masks;

    /// <param name="teacher">Has the masks.</param>
    /// <param name="variant"><see cref="Ranks"/> or <see cref="Overlap"/>.</param>
    /// <param name="device">Where the router is; null for the CPU.</param>
    public RoutingDistillationLoss(RoutingTeacher teacher, string variant, Device? device)
    {
        _ranks = variant == Ranks;
        _masks = _ranks ? teacher.OwnMasks(device) : teacher.FullMasks(device);
    }

    /// <summary>The sum over the layers, a scalar.</summary>
    /// <param name="activations">Of the dense model, [T, F] each.</param>
    /// <param name="logits">The router's [T, N].</param>
    public Tensor Of(IReadOnlyList<Tensor> activations, Tensor logits)
    {
        var prediction = logits.log_softmax(-1);
        return activations.Zip(_masks, (a, mask) => _ranks ? RankLoss(RankScores(a, mask), prediction) : OverlapLoss(OverlapScores(a, mask), prediction))
            .Aggregate((sum, loss) => sum + loss);
    }

    /// <summary>
    /// How much of a token's largest activations each expert's own units hold: the mean over five nested sets of the largest K, K falling from M - 1 by
    /// fifths of M, of the units in both, times 5 / (3 M). Activations count with their sign here, though masks are made by their size.
    /// Ten times the difference from the mean over all tokens and experts.
    /// </summary>
    /// <param name="activations">[T, F]</param>
    /// <param name="own">[N, F] ones and zeros; the first has M ones.</param>
    /// <returns>[T, N]</returns>
    public static Tensor RankScores(Tensor activations, Tensor own)
    {
        var units = (int)own[0].sum().item<float>();
        var falling = activations.topk(units).values; // [T, M]
        var counts = new[] { units - 1, units * 4 / 5, units * 3 / 5, units * 2 / 5, units / 5 }
            .Select(k => activations.gt(falling.narrow(1, k, 1)).to(ScalarType.Float32)).Aggregate((sum, set) => sum + set);
        var scores = counts.div(3f * units).matmul(own.t());
        return (scores - scores.mean()) * 10;
    }

    /// <summary>The share of the half of a token's units with the largest |activation| that each expert keeps.</summary>
    /// <param name="activations">[T, F]</param>
    /// <param name="kept">[N, F] ones and zeros.</param>
    /// <returns>[T, N]</returns>
    public static Tensor OverlapScores(Tensor activations, Tensor kept)
    {
        var half = activations.shape[1] / 2;
        var largest = activations.abs().topk((int)half).indexes;
        var used = zeros_like(activations).scatter_(1, largest, ones_like(largest, ScalarType.Float32));
        return used.matmul(kept.t()) / half;
    }

    /// <summary>A quarter of the cross-entropy with the scores' softmax, three quarters of that with the best expert, its label smoothed.</summary>
    private static Tensor RankLoss(Tensor scores, Tensor prediction)
    {
        var soft = -(scores.softmax(-1) * prediction).sum(-1).mean();
        var best = -prediction.gather(1, scores.argmax(-1, keepdim: true)).mean();
        var hard = best * (1 - LabelSmoothing) - prediction.mean() * LabelSmoothing;
        return soft * (1 - HardShare) + hard * HardShare;
    }

    /// <summary>The divergence KL(prediction || softmax of the scores).</summary>
    private static Tensor OverlapLoss(Tensor scores, Tensor prediction) => (prediction.exp() * (prediction - scores.log_softmax(-1))).sum(-1).mean();
}
