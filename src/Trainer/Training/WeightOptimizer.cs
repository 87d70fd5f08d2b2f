using OnnxMoe.Trainer.Ops;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// AdamW, or stochastic gradient descent with momentum, over the trainable weights of a model in two groups: matrices decay, norms and biases do not. Names its
/// state, so that a checkpoint can hold it.
/// </summary>
public sealed class WeightOptimizer : IDisposable
{
    private readonly Weight[] _weights;
    private readonly OptimizerHelper _optimizer;
    private readonly double _clipNorm;
    private readonly string _prefix;
    private readonly Tensor[] _skipped;

    /// <param name="weights">Of which the trainable ones are trained.</param>
    /// <param name="options">Which optimizer.</param>
    /// <param name="prefix">Of the names in <see cref="Moments"/>, where several optimizers share weights.</param>
    public WeightOptimizer(IReadOnlyList<Weight> weights, TrainerOptions options, string prefix = "")
    {
        _prefix = prefix;
        var decayed = weights.Where(w => w.IsTrainable && Decays(w)).ToArray();
        var plain = weights.Where(w => w.IsTrainable && !Decays(w)).ToArray();
        _weights = [.. decayed, .. plain];
        _clipNorm = options.ClipNorm;
        _skipped = [.. _weights.Select(_ => zeros([], ScalarType.Int64).DetachFromDisposeScope())];
        (Parameter[] Parameters, double Decay)[] groups = [.. new[] { (decayed, options.WeightDecay), (plain, 0) }.Where(group => group.Item1.Length > 0)
            .Select(group => (group.Item1.Select(w => w.Parameter).ToArray(), group.Item2))];
        _optimizer = options.Optimizer == "sgd"
            ? optim.SGD([.. groups.Select(group => new SGD.ParamGroup(group.Parameters, options.LearningRate, options.Momentum, weight_decay: group.Decay, nesterov: options.Nesterov))],
                options.LearningRate)
            : optim.AdamW([.. groups.Select(group => new AdamW.ParamGroup(group.Parameters, options.LearningRate, options.Beta1, options.Beta2, weight_decay: group.Decay))], options.LearningRate);
    }

    /// <summary>Clips the gradients, applies them, and clears them. Returns their norm before clipping.</summary>
    public double Step(double learningRate)
    {
        var norm = Clip();
        Apply(learningRate);
        return norm;
    }

    /// <summary>Clips the gradients and returns their norm before; for those who look at them before they are applied.</summary>
    public double Clip() =>
        nn.utils.clip_grad_norm_(_weights.Where(w => w.Parameter.grad is not null).Select(w => w.Parameter), _clipNorm > 0 ? _clipNorm : double.PositiveInfinity);

    /// <summary>Applies the gradients as they are, and clears them.</summary>
    public void Apply(double learningRate)
    {
        foreach (var group in _optimizer.ParamGroups)
            group.LearningRate = learningRate;
        for (var i = 0; i < _weights.Length; i++)
            if (_weights[i].Parameter.grad is null)
                _skipped[i].add_((TorchSharp.Scalar)1);
        _optimizer.step();
        _optimizer.zero_grad();
    }

    /// <summary>Forgets gradients that are not to be applied.</summary>
    public void Clear() => _optimizer.zero_grad();

    /// <summary>
    /// State by name: moments, such as <c>first/WEIGHT</c>, and for AdamW <c>skipped/WEIGHT</c>, the number of steps that left the weight alone. They are the live
    /// ones: copying into them restores a state.
    /// </summary>
    public IEnumerable<(string Name, Tensor Moment)> Moments() => _optimizer.state_dict().State.SelectMany((state, i) => state switch
    {
        AdamW.State adam => [($"{_prefix}first/{_weights[i].Name}", adam.exp_avg), ($"{_prefix}second/{_weights[i].Name}", adam.exp_avg_sq), ($"{_prefix}skipped/{_weights[i].Name}", _skipped[i])],
        // A momentum of 0 is what it is before the first step, when there is none.
        SGD.State sgd => new[] { ($"{_prefix}momentum/{_weights[i].Name}", sgd.momentum_buffer ??= zeros_like(_weights[i].Parameter).DetachFromDisposeScope()) },
        _ => throw new InvalidOperationException($"Unknown state {state.GetType()}."),
    });

    /// <summary>Steps made so far, on which AdamW's bias correction depends; of a weight those that changed it.</summary>
    public void SetSteps(long steps)
    {
        foreach (var (state, skipped) in _optimizer.state_dict().State.Zip(_skipped))
            if (state is AdamW.State adam)
                adam.step = steps - skipped.item<long>();
    }

    /// <summary>Forgets what earlier steps left, as a new optimizer would.</summary>
    public void Reset()
    {
        foreach (var (_, moment) in Moments())
            moment.zero_();
        SetSteps(0);
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        foreach (var skipped in _skipped)
            skipped.Dispose();
    }

    private static bool Decays(Weight weight) => weight.Shape.Length >= 2 && !weight.Name.EndsWith("_bias", StringComparison.Ordinal);
}
