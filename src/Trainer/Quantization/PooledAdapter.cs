using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// A low-rank addition to a product that reads the inputs of each group pooled, so that it adds one number to all weights of a group and can be merged into its
/// zero points (Xu et al. 2023, QA-LoRA, arXiv 2309.14717): alpha / rank * pool(x) A B.
/// </summary>
public sealed class PooledAdapter : Layer
{
    private readonly int _blocks;
    private readonly int _group;
    private readonly bool _sums;
    private readonly double _factor;
    private readonly Weight _down;
    private readonly Weight _up;

    /// <param name="scope">Of the weights: down [inputs / group, rank], up [rank, outputs], at first 0.</param>
    /// <param name="inputs">Of the product.</param>
    /// <param name="outputs">Of the product.</param>
    /// <param name="group">Divides the inputs.</param>
    /// <param name="options">Rank, factor and pooling.</param>
    public PooledAdapter(LayerScope scope, int inputs, int outputs, int group, AdapterOptions options) : base(scope)
    {
        (_blocks, _group, _sums, _factor) = (inputs / group, group, options.Pooling == "sum", options.Alpha / options.Rank);
        _down = scope.Filled("down", 0, _blocks, options.Rank);
        scope.DrawUniform(_down, Math.Sqrt(6.0 / (_blocks + options.Rank)));
        _up = scope.Filled("up", 0, options.Rank, outputs);
    }

    /// <param name="x">[B, S, inputs]</param>
    public Value Of(Value x)
    {
        var groups = x.Reshape(0, 0, _blocks, _group);
        var pooled = _sums ? groups.ReduceSum([3], keepDims: false) : groups.ReduceMean([3], keepDims: false);
        return pooled.MatMul(_down).MatMul(_up) * _factor;
    }

    /// <summary>What it adds to every number of a group, [inputs / group, outputs].</summary>
    public Tensor PerWeight() => _down.Parameter.detach().matmul(_up.Parameter.detach()).mul((TorchSharp.Scalar)(_factor / (_sums ? 1 : _group)));
}
