using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Normalization;

/// <summary>
/// Batch normalization of feature maps [B, C, H, W] (Ioffe and Szegedy 2015, arXiv 1502.03167), of which a pass may use the first channels. Statistics are those of
/// the batch where <see cref="ForwardContext.BatchStatistics"/> is set, otherwise the stored ones.
/// </summary>
/// <param name="scope">Of the weights.</param>
/// <param name="channels">C.</param>
/// <param name="affine">Learn scale and shift; otherwise they stay 1 and 0.</param>
/// <param name="scale">What the scale starts from.</param>
public sealed class BatchNorm(LayerScope scope, int channels, bool affine = true, double scale = 1) : Layer(scope)
{
    private const float Epsilon = 1e-5f;

    /// <summary>[C]</summary>
    public Weight Scale { get; } = (affine ? scope : scope.Frozen()).Filled("weight", scale, channels);

    /// <summary>[C]</summary>
    public Weight Shift { get; } = (affine ? scope : scope.Frozen()).Filled("bias", 0, channels);

    /// <summary>[C]: stored statistics, which are no parameters that are learned.</summary>
    public Weight Mean { get; } = scope.Statistic("running_mean", 0, channels);

    /// <summary>[C]</summary>
    public Weight Variance { get; } = scope.Statistic("running_var", 1, channels);

    /// <param name="x">[B, C, H, W]</param>
    /// <param name="context">Says which statistics.</param>
    public Value Forward(Value x, ForwardContext context) => Forward(x, channels, context);

    /// <param name="x">[B, used, H, W]</param>
    /// <param name="used">Channels of x.</param>
    /// <param name="context">Says which statistics.</param>
    public Value Forward(Value x, int used, ForwardContext context)
    {
        Value Part(Weight weight) => used == channels ? x.Ops.Weight(weight) : x.Ops.Weight(weight).Slice(0, 0, used);
        if (context.BatchStatistics is not { } statistics)
            return x.BatchNormalization(Part(Scale), Part(Shift), Part(Mean), Part(Variance), Epsilon);
        var (y, mean, variance) = x.NormalizeBatch(Part(Scale), Part(Shift), Part(Mean), Part(Variance), Epsilon);
        statistics.Observe(this, mean, variance);
        return y;
    }
}
