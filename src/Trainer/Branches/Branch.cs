using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Branches;

/// <summary>
/// A branch of a block: a 1x1 convolution to its hidden channels, a depthwise one, a 1x1 convolution back. The scale of the normalization behind the depthwise
/// convolution is the importance of each hidden channel (Ding et al. 2021, HR-NAS, arXiv 2106.06560).
/// </summary>
public sealed class Branch : Layer
{
    private readonly int _width;
    private readonly Convolution _expand;
    private readonly BatchNorm _expandNorm;
    private readonly DepthwiseConvolution _depthwise;
    private readonly BatchNorm _depthwiseNorm;
    private readonly Convolution _project;

    /// <param name="scope">Of the weights.</param>
    /// <param name="width">Channels of input and output.</param>
    /// <param name="hidden">Hidden channels.</param>
    /// <param name="kernel">Side of the depthwise kernel.</param>
    /// <param name="importance">What scales start from.</param>
    public Branch(LayerScope scope, int width, int hidden, int kernel, double importance) : base(scope)
    {
        _width = width;
        (_expand, _expandNorm) = (new(scope.Child("expand"), width, hidden, 1), new(scope.Child("expand_norm"), hidden));
        (_depthwise, _depthwiseNorm) = (new(scope.Child("depthwise"), hidden, kernel), new(scope.Child("depthwise_norm"), hidden, scale: importance));
        _project = new(scope.Child("project"), hidden, width, 1);
        (Hidden, Alive) = (hidden, [.. Enumerable.Range(0, hidden)]);
    }

    /// <summary>Hidden channels that there are weights for.</summary>
    public int Hidden { get; }

    /// <summary>The hidden channels that passes use.</summary>
    public IReadOnlyList<int> Alive { get; private set; }

    /// <summary>Importance of each hidden channel [hidden].</summary>
    public Weight Importance => _depthwiseNorm.Scale;

    /// <summary>The weights of its convolutions.</summary>
    public IReadOnlyList<Weight> Kernels => [_expand.Weight, _depthwise.Weight, _project.Weight];

    /// <summary>Makes passes leave out all other hidden channels: their weights get no gradient.</summary>
    public void Keep(IReadOnlyList<int> channels)
    {
        Alive = channels;
        var all = channels.Count == Hidden;
        var ranges = Ranges(channels);
        foreach (var weight in _expandNorm.Weights.Concat(_depthwiseNorm.Weights))
            weight.Part = all ? null : new([ranges]);
        foreach (var weight in new[] { _expand.Weight, _depthwise.Weight })
            weight.Part = all ? null : new([ranges, .. weight.Shape[1..].Select(size => (IReadOnlyList<(long, long)>)[(0, size)])]);
        _project.Weight.Part = all ? null : new([[(0, _width)], ranges, [(0, 1)], [(0, 1)]]);
    }

    /// <param name="x">[B, width, H, W]</param>
    /// <param name="context">Says which statistics.</param>
    /// <returns>[B, width, H, W]; null when no channel is left.</returns>
    public Value? Forward(Value x, ForwardContext context)
    {
        if (Alive.Count == 0)
            return null;
        var h = _expandNorm.Forward(_expand.Forward(x), context).Relu();
        return _project.Forward(_depthwiseNorm.Forward(_depthwise.Forward(h), context).Relu());
    }

    /// <summary>Multiply-adds, twice, of one hidden channel of an image with a side.</summary>
    public double FlopsPerChannel(int side) => _depthwise.FlopsPerChannel(side) + (4.0 * _width * side * side);

    private static IReadOnlyList<(long, long)> Ranges(IReadOnlyList<int> channels)
    {
        var ranges = new List<(long Start, long End)>();
        foreach (var channel in channels)
        {
            if (ranges.Count > 0 && ranges[^1].End == channel)
                ranges[^1] = (ranges[^1].Start, channel + 1);
            else
                ranges.Add((channel, channel + 1));
        }
        return ranges;
    }
}
