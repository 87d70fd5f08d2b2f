using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Momentum mu and step gamma of a layer, constant or learned. Learned ones keep their bounds: mu = sigmoid(a) is below 1 and
/// gamma = softplus(b) is positive.
/// </summary>
public sealed class MomentumFactors(LayerScope scope, double momentum, double step, bool learned) : Layer(scope)
{
    private readonly Weight? _momentum = learned ? scope.Filled("momentum", Math.Log(momentum / (1 - momentum)), 1) : null;
    private readonly Weight? _step = learned ? scope.Filled("step", Math.Log(Math.Exp(step) - 1), 1) : null;

    /// <summary>mu x.</summary>
    public Value Momentum(Value x) => _momentum is null ? x * momentum : x * x.Ops.Weight(_momentum).Sigmoid();

    /// <summary>gamma x.</summary>
    public Value Step(Value x) => _step is null ? x * step : x * x.Ops.Weight(_step).Softplus();
}
