using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Convolutions;

/// <summary>
/// A block of a convolutional network: a 3x3 convolution, normalization and ReLU; or a basic residual block (He et al. 2016, arXiv 1512.03385), two convolutions
/// around which the input goes, through a 1x1 convolution where sizes change. A pass may use the first channels.
/// </summary>
public sealed class ConvBlock : Layer
{
    private readonly Convolution _first;
    private readonly BatchNorm _firstNorm;
    private readonly Convolution? _second;
    private readonly BatchNorm? _secondNorm;
    private readonly Convolution? _shortcut;
    private readonly BatchNorm? _shortcutNorm;

    /// <param name="scope">Of the weights.</param>
    /// <param name="inputs">Channels.</param>
    /// <param name="outputs">Channels.</param>
    /// <param name="stride">Of the first convolution.</param>
    /// <param name="residual">A basic residual block.</param>
    /// <param name="affine">Whether normalizations learn scale and shift.</param>
    /// <param name="elastic">Passes may use other numbers of channels, so that there must be a shortcut.</param>
    public ConvBlock(LayerScope scope, int inputs, int outputs, int stride, bool residual, bool affine, bool elastic = false) : base(scope)
    {
        (_first, _firstNorm) = (new(scope.Child("conv1"), inputs, outputs, 3, stride), new(scope.Child("norm1"), outputs, affine));
        if (!residual)
            return;
        (_second, _secondNorm) = (new(scope.Child("conv2"), outputs, outputs, 3), new(scope.Child("norm2"), outputs, affine));
        if (inputs != outputs || stride != 1 || elastic)
            (_shortcut, _shortcutNorm) = (new(scope.Child("shortcut"), inputs, outputs, 1, stride), new(scope.Child("shortcut_norm"), outputs, affine));
    }

    /// <param name="x">[B, used inputs, H, W]</param>
    /// <param name="usedInputs">Of x.</param>
    /// <param name="usedOutputs">Of the result.</param>
    /// <param name="context">Says which statistics.</param>
    public Value Forward(Value x, int usedInputs, int usedOutputs, ForwardContext context)
    {
        var inner = _firstNorm.Forward(_first.Forward(x, usedInputs, usedOutputs), usedOutputs, context).Relu();
        if (_second is null)
            return inner;
        inner = _secondNorm!.Forward(_second.Forward(inner, usedOutputs, usedOutputs), usedOutputs, context);
        var around = IsIdentity(usedInputs, usedOutputs) ? x : _shortcutNorm!.Forward(_shortcut!.Forward(x, usedInputs, usedOutputs), usedOutputs, context);
        return (inner + around).Relu();
    }

    /// <param name="side">Of the input.</param>
    /// <param name="usedInputs">Channels.</param>
    /// <param name="usedOutputs">Channels.</param>
    public double Flops(int side, int usedInputs, int usedOutputs)
    {
        var flops = _first.Flops(side, usedInputs, usedOutputs);
        if (_second is null)
            return flops;
        flops += _second.Flops((side + _first.Stride - 1) / _first.Stride, usedOutputs, usedOutputs);
        return IsIdentity(usedInputs, usedOutputs) ? flops : flops + _shortcut!.Flops(side, usedInputs, usedOutputs);
    }

    private bool IsIdentity(int usedInputs, int usedOutputs) => usedInputs == usedOutputs && _first.Stride == 1;
}
