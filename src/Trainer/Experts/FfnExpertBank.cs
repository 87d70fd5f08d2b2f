using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Experts;

/// <summary>Feed-forward experts, plain or gated, run by the op GroupedFfn.</summary>
public sealed class FfnExpertBank : ExpertBank
{
    private readonly string _activation;
    private readonly Weight _up;
    private readonly Weight _down;
    private readonly Weight? _gate;
    private readonly Weight? _upBias;
    private readonly Weight? _downBias;
    private readonly Weight? _gateBias;

    public FfnExpertBank(LayerScope scope, int experts, int size, int hidden, bool gated, string activation, bool bias, double deviation)
        : base(scope, experts)
    {
        _activation = activation;
        _up = scope.Normal("up", deviation, experts, size, hidden);
        _down = scope.Normal("down", deviation, experts, hidden, size);
        _gate = gated ? scope.Normal("gate", deviation, experts, size, hidden) : null;
        _upBias = bias ? scope.Filled("up_bias", 0, experts, hidden) : null;
        _downBias = bias ? scope.Filled("down_bias", 0, experts, size) : null;
        _gateBias = bias && gated ? scope.Filled("gate_bias", 0, experts, hidden) : null;
        ParametersPerExpert = new[] { _up, _down, _gate, _upBias, _downBias, _gateBias }.Sum(w => w?.Parameter.numel() ?? 0) / experts;
        FlopsPerToken = 2L * size * hidden * (gated ? 3 : 2);
    }

    public override long ParametersPerExpert { get; }

    public override long FlopsPerToken { get; }

    public override Value Apply(Value x, Routing routing)
    {
        Value? On(Weight? weight) => weight is null ? null : x.Ops.Weight(weight);
        return x.GroupedFfn(routing.Indices, routing.Weights, x.Ops.Weight(_up), x.Ops.Weight(_down), On(_gate), _activation,
            On(_upBias), On(_downBias), On(_gateBias));
    }
}
