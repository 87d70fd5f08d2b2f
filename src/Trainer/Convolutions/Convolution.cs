using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Convolutions;

/// <summary>A convolution without bias and with a border of zeros that keeps the size (at stride 1), of which a pass may use the first channels.</summary>
/// <param name="scope">Of the weight.</param>
/// <param name="inputs">Channels of the input.</param>
/// <param name="outputs">Channels of the output.</param>
/// <param name="kernel">Side of the kernel, odd.</param>
/// <param name="stride">Of both dimensions.</param>
public sealed class Convolution(LayerScope scope, int inputs, int outputs, int kernel, int stride = 1) : Layer(scope)
{
    /// <summary>[outputs, inputs, kernel, kernel]; drawn as by He et al. 2015, arXiv 1502.01852, which keeps the variance through a ReLU.</summary>
    public Weight Weight { get; } = scope.Normal("weight", Math.Sqrt(2.0 / (outputs * kernel * kernel)), outputs, inputs, kernel, kernel);

    public int Stride { get; } = stride;

    /// <param name="x">[B, inputs, H, W]</param>
    public Value Forward(Value x) => Forward(x, inputs, outputs);

    /// <param name="x">[B, used inputs, H, W]</param>
    /// <param name="usedInputs">Of x.</param>
    /// <param name="usedOutputs">Of the result.</param>
    public Value Forward(Value x, int usedInputs, int usedOutputs)
    {
        var pad = kernel / 2;
        return x.Conv(x.Ops.Leading(Weight, usedOutputs, usedInputs), strides: [Stride, Stride], pads: [pad, pad, pad, pad]);
    }

    /// <summary>Multiply-adds, twice, for an input of a side.</summary>
    public double Flops(int side, int usedInputs, int usedOutputs)
    {
        var result = (side + Stride - 1) / Stride;
        return 2.0 * usedInputs * usedOutputs * kernel * kernel * result * result;
    }

    public double Flops(int side) => Flops(side, inputs, outputs);
}
