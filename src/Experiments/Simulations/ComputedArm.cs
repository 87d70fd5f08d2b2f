using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Placement.Collectives;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Simulations;

/// <summary>An arm that is computed from a model of costs, whose assumptions the seed draws.</summary>
/// <param name="name">Name.</param>
/// <param name="description">What is computed.</param>
/// <param name="compute">Fills in the measures of a seed.</param>
public sealed class ComputedArm(string name, string description, Action<long, Measurement> compute) : Arm(name, description)
{
    public override int Steps => 1;

    /// <summary>Computing takes moments, so that a stored number holds for the build that made it alone.</summary>
    public override string Fingerprint(long seed, DataOptions data) =>
        $"{Name} {Description} {seed} {typeof(ComputedArm).Module.ModuleVersionId} {typeof(CollectiveCost).Module.ModuleVersionId}";

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        compute(seed, result);
        (result[TinyArm.Seconds], result[TinyArm.ValidationLoss]) = (0, double.NaN);
        progress(Steps);
    }
}
