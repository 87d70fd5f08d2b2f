using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Similarity-aware routing (Nguyen et al. 2025, arXiv 2505.00792): Q_ij = softmax over j of u_i W u_j / (tau sqrt(D)), with a learned
/// W [D, D] that starts as the unit matrix. The root stands outside of W, so that a step of the optimizer moves the similarities less. Tokens so far are kept between decoding steps.
/// </summary>
public sealed class SimilarityMixer : ScoreMixer
{
    private readonly Weight _similarity;
    private readonly Weight _logTemperature;
    private readonly CacheSlot _tokens;
    private readonly int _size;
    private readonly int _experts;
    private readonly int _rows;

    /// <param name="scope">Of the mixer.</param>
    /// <param name="size">D.</param>
    /// <param name="experts">N.</param>
    /// <param name="share">See <see cref="ScoreMixer"/>.</param>
    /// <param name="temperature">tau at the start, above 0; its logarithm is what is learned, so that it stays above 0.</param>
    /// <param name="learned">False keeps tau.</param>
    /// <param name="rows">Rows of Q that training computes at a time, each over the tokens up to it only; 0: all at once.</param>
    public SimilarityMixer(LayerScope scope, int size, int experts, double share, double temperature, bool learned, int rows = 0) : base(scope, experts, share)
    {
        (_size, _experts, _rows) = (size, experts, rows);
        _similarity = scope.Diagonal("similarity", 1, size);
        _logTemperature = (learned ? scope : scope.Frozen()).Filled("log_temperature", Math.Log(temperature), 1);
        _tokens = scope.Cache("router_tokens", ElementType.Float, "batch", "past", $"{size}");
    }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [new("router", 2.0 * _size * _size + 2.0 * (_size + _experts) * context.Attended)];

    protected override Value Average(Value u, Value probabilities, ForwardContext context)
    {
        var (positions, mask) = (context.Attention.Positions, context.Attention.Mask);
        var queries = u.MatMul(_similarity) * ((-u.Ops.Weight(_logTemperature)).Exp() / Math.Sqrt(_size)); // [B, S, D]
        var keys = Grown(_tokens, u, context); // [B, P + S, D]
        var bias = CausalMask.Bias(u, positions.Size(1), mask is null ? keys.Size(1) : mask.Size(1), mask);
        if (mask is not null)
            bias = bias.Squeeze(1, 2); // [B, S, P + S]
        var length = context.SequenceLength;
        if (!u.Ops.IsTraining || _rows == 0 || length <= _rows)
            return Rows(queries, keys, probabilities, bias);
        var parts = new List<Value>();
        for (long start = 0; start < length; start += _rows)
        {
            var end = Math.Min(start + _rows, length);
            parts.Add(Rows(queries.Slice(1, start, end), keys.Slice(1, 0, end), probabilities.Slice(1, 0, end), bias.Slice(-2, start, end).Slice(-1, 0, end)));
        }
        return parts.Concat(1);
    }

    private static Value Rows(Value queries, Value keys, Value probabilities, Value bias) =>
        (queries.MatMul(keys.Transpose(0, 2, 1)) + bias).Softmax().MatMul(probabilities);
}
