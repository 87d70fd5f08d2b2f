using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Cells;

/// <summary>An operation that an edge of a cell may have; all keep the size (Dong and Yang 2020, NAS-Bench-201, arXiv 2001.00326).</summary>
public sealed class EdgeOp : Layer
{
    public const string None = "none";
    public const string Skip = "skip";
    public const string AveragePool = "avgpool";
    public const string Convolution1 = "conv1x1";
    public const string Convolution3 = "conv3x3";

    private readonly Convolution? _convolution;
    private readonly BatchNorm? _norm;

    /// <param name="scope">Of the weights.</param>
    /// <param name="name">Which one.</param>
    /// <param name="channels">Of input and output.</param>
    /// <param name="affine">Whether the normalization learns scale and shift.</param>
    /// <exception cref="UserError">There is no such operation.</exception>
    public EdgeOp(LayerScope scope, string name, int channels, bool affine) : base(scope)
    {
        Name = name;
        switch (name)
        {
            case None or Skip or AveragePool:
                break;
            case Convolution1 or Convolution3:
                (_convolution, _norm) = (new(scope, channels, channels, name == Convolution1 ? 1 : 3), new(scope.Child("norm"), channels, affine));
                break;
            default:
                throw new UserError($"There is no operation '{name}' for the edge of a cell; there are {None}, {Skip}, {AveragePool}, {Convolution1} and {Convolution3}.");
        }
    }

    public string Name { get; }

    /// <summary>The convolution's weight; null for an operation without one.</summary>
    public Weight? Weight => _convolution?.Weight;

    /// <param name="x">[B, C, H, W]</param>
    /// <param name="context">Says which statistics.</param>
    /// <returns>[B, C, H, W]; null for none, which adds nothing.</returns>
    public Value? Forward(Value x, ForwardContext context) => Name switch
    {
        None => null,
        Skip => x,
        AveragePool => x.AveragePool([3, 3], strides: [1, 1], pads: [1, 1, 1, 1]),
        _ => _norm!.Forward(_convolution!.Forward(x.Relu()), context),
    };

    /// <param name="side">Of the image.</param>
    public double Flops(int side) => _convolution?.Flops(side) ?? 0;
}
