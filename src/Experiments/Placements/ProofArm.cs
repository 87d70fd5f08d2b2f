using System.Diagnostics;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Placement;
using OnnxMoe.Placement.Balance;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Statistics;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Placements;

/// <summary>How near balance comes to its proved bound at the sizes of published models, and what that costs.</summary>
/// <param name="name">Short.</param>
/// <param name="description">In words.</param>
/// <param name="statistics">The routing; the seed may draw it.</param>
/// <param name="gpus">GPUs of one node.</param>
/// <param name="replicated">With a slot more on each GPU for copies.</param>
public sealed class ProofArm(string name, string description, Func<long, RoutingStatistics> statistics, int gpus, bool replicated) : Arm(name, description)
{
    /// <summary>(value - bound) / value of the planner, on the fitted counts.</summary>
    public const string Gap = "gap";

    /// <summary>Max / mean load of the planner.</summary>
    public const string Balanced = "max_over_mean";

    /// <summary>Max / mean load of EPLB with as many slots.</summary>
    public const string Eplb = "eplb";

    public override int Steps => 1;

    public override string Fingerprint(long seed, DataOptions data) => $"{Name} {Description} {seed} {typeof(PlacementProblem).Module.ModuleVersionId}";

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var counted = statistics(seed);
        var cluster = new Cluster(new ClusterDescription($"{gpus} GPUs", [new ClusterNode(gpus)], new ClusterLink(450)), Name);
        var problem = new PlacementProblem(counted, cluster, new ModelSizes([.. counted.Layers.Select(_ => 0L)], 0, 1, [.. counted.Layers.Select(_ => 0L)]));
        var options = new PlaceOptions { Threads = 1, AssignmentSeconds = 8 };
        var clock = Stopwatch.StartNew();
        var solution = new BalancedSolver(replicated, Engines.Choose("auto"), options).Solve(problem, cancel);
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
        var evaluator = new PlanEvaluator(problem, null, []);
        result[Gap] = new PlanBalance(problem, solution.LayerBounds is { } bounds ? [bounds] : []).Of(Name, solution.Layers).Gap;
        result[Balanced] = evaluator.Measure(solution.Layers).MaxOverMean;
        result[Eplb] = evaluator.Measure(new EplbSolver(replicated, options).Solve(problem, cancel).Layers).MaxOverMean;
        result[TinyArm.ValidationLoss] = double.NaN;
        progress(1);
    }

    /// <summary>Statistics of a synthetic trace of DeepSeek-V3's size, the first layers of it.</summary>
    public static Func<long, RoutingStatistics> DeepSeek(int layers) => seed =>
    {
        var trace = SyntheticRouting.Draw((layers, 256, 8), 4096, (int)seed);
        return RoutingStatistics.Of(trace, [.. Enumerable.Range(0, trace.Tokens)]);
    };

    /// <summary>Statistics of a file of expert counts.</summary>
    public static Func<long, RoutingStatistics> Counts(string name) => _ => RoutingStatistics.Of(Simulations.Machines.Trace(name, path => ExpertCounts.Load(path)));
}
