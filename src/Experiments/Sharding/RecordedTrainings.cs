using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Experiments.Sharding;

/// <summary>Expert counts that arms recorded while they trained, and what simulations of them gave; each is simulated once.</summary>
/// <param name="layers">Routed layers of every arm.</param>
/// <param name="cancel">Stops a simulation.</param>
internal sealed class RecordedTrainings(int layers, CancellationToken cancel)
{
    /// <summary>The counts [step, layer, expert] as a row of numbers.</summary>
    public const string Counts = "expert_counts";

    /// <summary>The window that is compared with the paper's.</summary>
    public const int LongWindow = 50;

    private readonly Dictionary<(Measurement, Cluster, PublishedModel), ShardingStudy> _studies = [];
    private readonly Dictionary<(ShardingStudy, string), SimulatedTraining> _trainings = [];

    /// <summary>Hecate with <see cref="LongWindow"/>.</summary>
    public static string LongWindowed => $"hecate, window {LongWindow}";

    /// <summary>Hecate without algorithm 2.</summary>
    public const string FixedOwners = "hecate, fixed owners";

    /// <summary>An arm that trains a model and writes the counts down.</summary>
    public static TinyArm Arm(string name, string description, TinySetup setup) => new(name, description, setup,
        (run, result) => result.Series[Counts] = [.. run.Steps.SelectMany(step => step.ExpertCounts!.SelectMany(layer => layer)).Select(count => (double)count)]);

    /// <summary>What an arm recorded.</summary>
    public IterationCounts CountsOf(Measurement run)
    {
        var (row, steps) = (run.Series[Counts], run.Series["loss"].Length);
        var experts = row.Length / steps / layers;
        return new IterationCounts(run.Arm, [.. row.Chunk(layers * experts).Select(step => step.Chunk(experts).Select(layer => layer.Select(count => (long)count).ToArray()).ToArray())]);
    }

    /// <summary>The set-up of a simulation.</summary>
    public ShardingStudy Study(Measurement run, Cluster cluster, PublishedModel model)
    {
        if (!_studies.TryGetValue((run, cluster, model), out var study))
            _studies[(run, cluster, model)] = study = new ShardingStudy(CountsOf(run), cluster, model.Options, model.Name);
        return study;
    }

    /// <summary>A simulation.</summary>
    /// <param name="run">Whose counts.</param>
    /// <param name="cluster">Where.</param>
    /// <param name="model">Whose sizes.</param>
    /// <param name="policy">Name of the policy.</param>
    public SimulatedTraining Of(Measurement run, Cluster cluster, PublishedModel model, string policy)
    {
        var study = Study(run, cluster, model);
        if (!_trainings.TryGetValue((study, policy), out var training))
            _trainings[(study, policy)] = training = study.Run(policy == LongWindowed ? study.Hecate(window: LongWindow) : policy == FixedOwners ? study.Hecate(fixedOwners: true) : study.Policies.Single(p => p.Name == policy), cancel);
        return training;
    }
}
