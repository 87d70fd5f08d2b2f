using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Attention-aware routing (Nguyen et al. 2025, arXiv 2505.00792): Q is made of the weights A^h of the block's attention, which looks at
/// the layer's tokens just before. Either the mean over the heads, or by how well a head explains the token: sum over h of rho_i^h A^h_ij
/// with rho_i = softmax over h of -|u_i - o_i^h|^2 / 2 sigma^2, where o_i^h is the part of head h in the attention's output.
/// </summary>
public sealed class AttentionMixer : ScoreMixer
{
    private readonly Weight? _logWidth;
    private readonly int _heads;
    private readonly int _size;
    private readonly int _experts;

    /// <param name="scope">Of the mixer.</param>
    /// <param name="size">D.</param>
    /// <param name="experts">N.</param>
    /// <param name="heads">H.</param>
    /// <param name="share">See <see cref="ScoreMixer"/>.</param>
    /// <param name="posterior">False takes the mean over the heads.</param>
    /// <param name="width">sigma at the start, above 0; its logarithm is what is learned, so that it stays above 0.</param>
    /// <param name="learned">False keeps sigma.</param>
    public AttentionMixer(LayerScope scope, int size, int experts, int heads, double share, bool posterior, double width, bool learned) : base(scope, experts, share)
    {
        (_heads, _size, _experts) = (heads, size, experts);
        _logWidth = posterior ? (learned ? scope : scope.Frozen()).Filled("log_width", Math.Log(width), 1) : null;
    }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [new("router", 2.0 * (_heads + _experts) * context.Attended + (_logWidth is null ? 0 : 2.0 * _size * _size + 3.0 * _heads * _size))];

    protected override Value Average(Value u, Value probabilities, ForwardContext context)
    {
        var heads = context.Heads ?? throw new InvalidOperationException("Attention-aware routing needs the heads of the block's attention, but it left none.");
        var relations = _logWidth is null ? heads.Weights.ReduceMean([1], keepDims: false)
            : (heads.Weights * Posterior(u, heads.Outputs(_heads), u.Ops.Weight(_logWidth))).ReduceSum([1], keepDims: false);
        return relations.MatMul(probabilities); // [B, S, P + S] x [B, P + S, N]
    }

    /// <returns>rho [B, H, S, 1]</returns>
    private static Value Posterior(Value u, Value outputs, Value logWidth)
    {
        var difference = u.Unsqueeze(1) - outputs; // [B, H, S, D]
        var distance = (difference * difference).ReduceSum([-1]); // [B, H, S, 1]
        return (distance * ((logWidth * -2).Exp() * -0.5)).Softmax(1);
    }
}
