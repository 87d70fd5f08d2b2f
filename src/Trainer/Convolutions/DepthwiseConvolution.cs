using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Convolutions;

/// <summary>A convolution of each channel by itself, with a border of zeros that keeps the size.</summary>
/// <param name="scope">Of the weight.</param>
/// <param name="channels">Of input and output.</param>
/// <param name="kernel">Side of the kernel, odd.</param>
public sealed class DepthwiseConvolution(LayerScope scope, int channels, int kernel) : Layer(scope)
{
    /// <summary>[channels, 1, kernel, kernel]</summary>
    public Weight Weight { get; } = scope.Normal("weight", Math.Sqrt(2.0 / (kernel * kernel)), channels, 1, kernel, kernel);

    /// <param name="x">[B, used channels, H, W], as many as the weight's part has.</param>
    public Value Forward(Value x)
    {
        var pad = kernel / 2;
        return x.Conv(x.Ops.Weight(Weight), pads: [pad, pad, pad, pad], groups: Weight.UsedShape[0]);
    }

    /// <summary>Multiply-adds, twice, of a channel of an image with a side.</summary>
    public double FlopsPerChannel(int side) => 2.0 * kernel * kernel * side * side;
}
