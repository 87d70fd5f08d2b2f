using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>Adam over architecture weights, with a weight decay that is part of the gradient. Rows of decided edges stay as they are, whatever their moments hold.</summary>
/// <param name="alpha">[edges, candidates]</param>
/// <param name="gates">Say which edges are decided.</param>
/// <param name="options">Rates.</param>
public sealed class AlphaOptimizer(Weight alpha, SoftGates gates, DartsOptions options) : IDisposable
{
    private readonly WeightOptimizer _adam = new([alpha], new TrainerOptions
    {
        Optimizer = "adamw",
        LearningRate = options.LearningRate,
        Beta1 = options.Beta1,
        Beta2 = options.Beta2,
        WeightDecay = 0,
        ClipNorm = 0,
    });

    /// <summary>True when there is an edge to decide.</summary>
    public bool IsNeeded => gates.Decided.Any(decided => decided is null);

    /// <summary>One step down a loss; weights other than the architecture's get no gradient.</summary>
    /// <param name="loss">A scalar that open edges have a part in.</param>
    public void Step(Tensor loss)
    {
        _adam.Clear();
        loss.backward(inputs: [alpha.Parameter]);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var before = alpha.Parameter.detach().clone();
        alpha.Parameter.grad!.add_(before, alpha: options.WeightDecay);
        _adam.Apply(options.LearningRate);
        for (var edge = 0; edge < gates.Decided.Count; edge++)
            if (gates.Decided[edge] is not null)
                alpha.Parameter[edge].copy_(before[edge]);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => _adam.Moments();

    public void SetSteps(int steps) => _adam.SetSteps(steps);

    public void Dispose() => _adam.Dispose();
}
