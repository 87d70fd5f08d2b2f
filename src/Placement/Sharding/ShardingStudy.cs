using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Sharding.Policies;

namespace OnnxMoe.Placement.Sharding;

/// <summary>A recorded training, a cluster and a model's sizes: what may be copied, and the policies to compare.</summary>
public sealed class ShardingStudy
{
    readonly TrainingSimulator _simulator;
    readonly ShardOptions _options;

    /// <param name="counts">The recorded training.</param>
    /// <param name="cluster">Where it is simulated.</param>
    /// <param name="options">Sizes, caps and intervals.</param>
    /// <param name="name">Of the model, in reports.</param>
    /// <exception cref="UserError">The experts do not fit on the devices, or a speed is not known.</exception>
    public ShardingStudy(IterationCounts counts, Cluster cluster, ShardOptions options, string name = "")
    {
        (Counts, _options) = (counts, options);
        var devices = cluster.Devices.Count;
        var recorded = counts.MeanPicks / options.ExpertsPerToken / devices;
        var tokens = options.TokensPerDevice > 0 ? options.TokensPerDevice : (int)Math.Max(1, Math.Round(recorded));
        Costs = new TrainingCosts(new TrainingModel(name, options.HiddenSize, options.ExpertHidden > 0 ? options.ExpertHidden : 2 * options.HiddenSize, options.SequenceLength, tokens)
        {
            NumberBytes = options.NumberBytes,
            StateBytes = options.StateBytes,
            Efficiency = options.Efficiency,
        }, cluster);
        Scale = tokens / recorded;
        Overlap = Math.Min(counts.Experts, options.Overlap >= 0 ? options.Overlap : Costs.Overlap);
        ExpertShards.CheckTotal(counts.Layers, counts.Experts, devices, options.AllowUneven);
        var owned = ((counts.Layers * counts.Experts) + devices - 1) / devices;
        int Copies(int layers) => options.Copies >= 0 ? Math.Min(counts.Experts, options.Copies) : Costs.Copies(owned, layers, counts.Experts);
        (CopiesKept, CopiesAgain) = (Copies(counts.Layers), Copies(1));
        _simulator = new TrainingSimulator(counts, Costs, Scale, options.AllowUneven);
    }

    /// <summary>The recorded training.</summary>
    public IterationCounts Counts { get; }

    /// <summary>Model and cluster.</summary>
    public TrainingCosts Costs { get; }

    /// <summary>What a recorded token stands for.</summary>
    public double Scale { get; }

    /// <summary>t: experts of a layer that may be copied.</summary>
    public int Overlap { get; }

    /// <summary>m where copies stay from the forward to the backward.</summary>
    public int CopiesKept { get; }

    /// <summary>m where they are made again.</summary>
    public int CopiesAgain { get; }

    /// <summary>All policies, plain expert parallelism first.</summary>
    public IReadOnlyList<ShardingPolicy> Policies =>
    [
        new ExpertParallelPolicy(),
        new HotEverywherePolicy(Costs, CopiesKept),
        new SwapPolicy(_options.SwapEvery) { Window = _options.Window },
        Hecate(),
        Hecate(rematerializes: true),
        Hecate(calibrates: true),
        new AllCopiesPolicy(),
    ];

    /// <summary>Hecate as the options have it.</summary>
    /// <param name="rematerializes">Whether copies are made again for the backward.</param>
    /// <param name="calibrates">Whether the plan is looked at again after the gate.</param>
    /// <param name="window">Another window than the options'; 0: theirs.</param>
    /// <param name="fixedOwners">Whether owners stay as they are in plain expert parallelism, whatever the options say.</param>
    public HecatePolicy Hecate(bool rematerializes = false, bool calibrates = false, int window = 0, bool fixedOwners = false) =>
        new(Costs, Overlap, rematerializes ? CopiesAgain : CopiesKept, fixedOwners ? 0 : _options.ReshardEvery, rematerializes, calibrates, _options.AllowUneven) { Window = window > 0 ? window : _options.Window };

    /// <summary>Simulates a policy.</summary>
    public SimulatedTraining Run(ShardingPolicy policy, CancellationToken cancellation = default) => _simulator.Run(policy, cancellation);

    /// <summary>How far the copies of algorithm 1 are from the best there are, in one layer whose counts are known beforehand.</summary>
    /// <param name="program">Finds the best.</param>
    /// <param name="iteration">Which iteration.</param>
    /// <param name="layer">Which layer; its owners are those of plain expert parallelism.</param>
    /// <param name="cancellation">Stops the program.</param>
    public CopyGap Gap(CopyProgram program, int iteration, int layer, CancellationToken cancellation = default)
    {
        var owned = ExpertShards.Even(Counts.Layers, Counts.Experts, Costs.Cluster.Devices.Count, _options.AllowUneven)[layer];
        var counts = Counts[iteration][layer];
        double[] load = [.. counts.Select(count => (double)count)];
        double Straggler(Artifacts.Placement.PlacedLayer placed) => Costs.Time(owned, placed, placed, load).Straggler;
        var placed = SparseMaterialization.Plan(owned, load, Overlap, CopiesKept, Costs.Cluster);
        var split = program.Solve(owned, counts, Overlap, CopiesKept, placed, start: null, cancellation);
        var best = program.Solve(owned, counts, Overlap, CopiesKept, placed: null, split, cancellation);
        var mean = load.Sum() / Costs.Cluster.Devices.Count;
        return new CopyGap(iteration, layer, Straggler(owned), Straggler(placed), split.Objective / mean, best.Objective / mean, best.Bound / mean, best.Status);
    }
}
