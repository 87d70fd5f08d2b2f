using OnnxMoe.Trainer.Ops;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// AdamW over the trainable weights of a model in two groups: matrices decay, norms and biases do not. Names its state, so that a checkpoint can hold it.
/// </summary>
public sealed class WeightOptimizer : IDisposable
{
    private readonly Weight[] _weights;
    private readonly AdamW _adam;
    private readonly double _clipNorm;

    public WeightOptimizer(IReadOnlyList<Weight> weights, TrainerOptions options)
    {
        var decayed = weights.Where(w => w.IsTrainable && Decays(w)).ToArray();
        var plain = weights.Where(w => w.IsTrainable && !Decays(w)).ToArray();
        _weights = [.. decayed, .. plain];
        _clipNorm = options.ClipNorm;
        AdamW.ParamGroup Group(Weight[] of, double decay) => new(of.Select(w => w.Parameter).ToArray(), options.LearningRate,
            options.Beta1, options.Beta2, weight_decay: decay);
        _adam = optim.AdamW([.. new[] { Group(decayed, options.WeightDecay), Group(plain, 0) }.Where(g => g.Parameters.Any())], options.LearningRate);
    }

    /// <summary>Clips the gradients, applies them, and clears them. Returns their norm before clipping.</summary>
    public double Step(double learningRate)
    {
        foreach (var group in _adam.ParamGroups)
            group.LearningRate = learningRate;
        var parameters = _weights.Where(w => w.Parameter.grad is not null).Select(w => w.Parameter);
        var norm = nn.utils.clip_grad_norm_(parameters, _clipNorm > 0 ? _clipNorm : double.PositiveInfinity);
        _adam.step();
        _adam.zero_grad();
        return norm;
    }

    /// <summary>Moment tensors by name: <c>first/WEIGHT</c> and <c>second/WEIGHT</c>. They are the live ones: copying into them restores a state.</summary>
    public IEnumerable<(string Name, Tensor Moment)> Moments() => States().SelectMany((state, i) => new[]
    {
        ($"first/{_weights[i].Name}", state.exp_avg),
        ($"second/{_weights[i].Name}", state.exp_avg_sq),
    });

    /// <summary>Steps made so far, on which AdamW's bias correction depends.</summary>
    public void SetSteps(long steps)
    {
        foreach (var state in States())
            state.step = steps;
    }

    /// <summary>Forgets what earlier steps left, as a new optimizer would.</summary>
    public void Reset()
    {
        foreach (var (_, moment) in Moments())
            moment.zero_();
        SetSteps(0);
    }

    public void Dispose() => _adam.Dispose();

    private IEnumerable<AdamW.State> States() => _adam.state_dict().State.Cast<AdamW.State>();

    private static bool Decays(Weight weight) => weight.Shape.Length >= 2 && !weight.Name.EndsWith("_bias", StringComparison.Ordinal);
}
