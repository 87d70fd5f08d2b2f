using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Placement;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Statistics;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Placements;

/// <summary>A method of placement on a real trace: fitted on a random half of its blocks of tokens (the seed draws which), measured on both, on one node of 8 GPUs and on two of 4.</summary>
/// <param name="method">Name of the solver.</param>
/// <param name="description">In words.</param>
/// <param name="trace">The routing.</param>
/// <param name="sizes">Sizes of the model whose step is estimated.</param>
/// <param name="one">One node.</param>
/// <param name="two">Two nodes.</param>
public sealed class PlacementArm(string method, string description, RoutingTrace trace, ModelSizes sizes, Cluster one, Cluster two) : Arm(method, description)
{
    /// <summary>Max / mean load on the fitted tokens.</summary>
    public const string Fit = "max_over_mean_fit";

    /// <summary>Max / mean load on held-out tokens.</summary>
    public const string Test = "max_over_mean_test";

    /// <summary>Busiest pair summed over layers, flow model, two nodes, held-out tokens.</summary>
    public const string Flow = "flow_test";

    /// <summary>The same on the fitted tokens.</summary>
    public const string FlowFit = "flow_fit";

    /// <summary>The same clusters with cluster c on GPU c, held-out tokens; NaN for methods without an assignment.</summary>
    public const string FlowBefore = "flow_before_test";

    /// <summary>Estimated seconds on one node, flow model, held-out tokens.</summary>
    public const string OneNode = "seconds_one_node";

    /// <summary>Estimated seconds on two nodes.</summary>
    public const string TwoNodes = "seconds_two_nodes";

    private const int BlockTokens = 16;

    private static readonly PlaceOptions Options = new() { ClusteringSeconds = 1, AssignmentSeconds = 4, SearchSeconds = 6, Threads = 1, Objective = "balance:1,flow:0.5" };

    public override int Steps => 2;

    public override string Fingerprint(long seed, DataOptions data) => $"{Name} {Description} {seed} {System.Text.Json.JsonSerializer.Serialize(Options)} {one.Name} {two.Name} {typeof(PlacementProblem).Module.ModuleVersionId}";

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var (fit, test) = TokenSplit.Blocks([.. Enumerable.Range(0, trace.Tokens)], BlockTokens, (int)seed);
        var solver = SolverList.All(Options, Engines.Choose("auto")).First(s => s.Name == Name);
        foreach (var (cluster, seconds) in new[] { (one, OneNode), (two, TwoNodes) })
        {
            PlacementProblem Problem(int[] tokens) => new(RoutingStatistics.Of(trace, tokens), cluster, sizes) { Trace = trace, Tokens = tokens };
            var solution = solver.Solve(Problem(fit), cancel);
            var measured = new PlanEvaluator(Problem(test), trace, test);
            var held = measured.Measure(solution.Layers);
            result[seconds] = held.FlowSeconds;
            if (cluster == two)
            {
                var fitted = new PlanEvaluator(Problem(fit), trace, fit).Measure(solution.Layers);
                (result[Fit], result[Test], result[FlowFit], result[Flow]) = (fitted.MaxOverMean, held.MaxOverMean, fitted.FlowBusiest, held.FlowBusiest);
                if (solution.BeforeAssignment is { } before)
                    result[FlowBefore] = measured.Measure(before).FlowBusiest;
            }
            progress(cluster == two ? 2 : 1);
        }
        (result[TinyArm.Seconds], result[TinyArm.ValidationLoss]) = (clock.Elapsed.TotalSeconds, double.NaN);
    }
}
