using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A dense feed-forward layer, plain: act(x up) down, or gated: (act(x gate) * (x up)) down (Shazeer 2020, arXiv 2002.05202).</summary>
public sealed class FeedForward : FfnLayer
{
    private readonly string _activation;
    private readonly Weight _up;
    private readonly Weight _down;
    private readonly Weight? _gate;
    private readonly Weight? _upBias;
    private readonly Weight? _downBias;
    private readonly Weight? _gateBias;

    public FeedForward(LayerScope scope, int size, int hidden, bool gated, string activation, bool bias, double deviation) : base(scope)
    {
        _activation = activation;
        _up = scope.Matrix("up", deviation, size, hidden);
        _down = scope.Matrix("down", deviation, hidden, size);
        _gate = gated ? scope.Matrix("gate", deviation, size, hidden) : null;
        _upBias = bias ? scope.Filled("up_bias", 0, hidden) : null;
        _downBias = bias ? scope.Filled("down_bias", 0, size) : null;
        _gateBias = bias && gated ? scope.Filled("gate_bias", 0, hidden) : null;
    }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [new("ffn", 2.0 * (_up.UsedCount + _down.UsedCount + (_gate?.UsedCount ?? 0)))];

    public override Value Forward(Value x, ForwardContext context)
    {
        var hidden = Hidden(x);
        context.WatchHidden?.Invoke(hidden);
        return Linear(hidden, _down, _downBias);
    }

    public override void Use(BlockSizes sizes)
    {
        _up.Use(sizes.Width, sizes.Hidden);
        _gate?.Use(sizes.Width, sizes.Hidden);
        _down.Use(sizes.Hidden, sizes.Width);
        _upBias?.Use(sizes.Hidden);
        _gateBias?.Use(sizes.Hidden);
        _downBias?.Use(sizes.Width);
    }

    /// <summary>The matrices and biases by what they lead to: the hidden layer, or back.</summary>
    internal (IReadOnlyList<Weight> Inner, IReadOnlyList<Weight> Outer) Matrices =>
        ([_up, .. Present(_gate, _upBias, _gateBias)], [_down, .. Present(_downBias)]);

    private static IEnumerable<Weight> Present(params Weight?[] weights) => weights.OfType<Weight>();

    /// <param name="x">[..., D]</param>
    public Value Forward(Value x) => Linear(Hidden(x), _down, _downBias);

    /// <summary>The activation of the given name: relu, gelu, silu or identity.</summary>
    public static Value Activate(Value x, string activation) => activation switch
    {
        "relu" => x.Relu(),
        "gelu" => x.Gelu(),
        "silu" => x.Silu(),
        "identity" => x,
        _ => throw new UserError($"There is no activation '{activation}'; known are relu, gelu, silu and identity."),
    };

    private Value Hidden(Value x)
    {
        var up = Linear(x, _up, _upBias);
        return _gate is null ? Activate(up, _activation) : Activate(Linear(x, _gate, _gateBias), _activation) * up;
    }

    private static Value Linear(Value x, Weight weight, Weight? bias) => bias is null ? x.MatMul(weight) : x.MatMul(weight) + bias;
}
