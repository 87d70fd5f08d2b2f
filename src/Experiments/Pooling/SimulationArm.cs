using System.Diagnostics;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets.Copies;

namespace OnnxMoe.Experiments.Pooling;

/// <summary>An arm that runs <see cref="BalanceSimulation"/>.</summary>
public sealed class SimulationArm(string name, string description, CopiesOptions options) : Arm(name, description)
{
    /// <summary>Rank correlation with the truth.</summary>
    public const string Spearman = "spearman";

    /// <summary>Share of the steps of the busiest supernet.</summary>
    public const string LargestLoad = "largest_load";

    public override int Steps => options.Epochs;

    public override string Fingerprint(long seed, DataOptions data) => $"{Description} {System.Text.Json.JsonSerializer.Serialize(options)} {seed}";

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        var simulation = new BalanceSimulation(options, (int)seed);
        (result[Spearman], result[LargestLoad]) = (simulation.Spearman, simulation.LargestLoad);
        (result[TinyArm.Seconds], result[TinyArm.ValidationLoss]) = (clock.Elapsed.TotalSeconds, double.NaN);
        progress(Steps);
    }
}
