using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Balance;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;

namespace OnnxMoe.Placement.Solvers;

/// <summary>
/// Minimises the maximum: in each layer the GPU that finishes last is to finish as early as can be, by search with a bound that
/// holds at any size, with copies of hot experts if there are extra slots; then GPUs of equal speed exchange what they hold, layer
/// by layer, for little traffic and equal memory.
/// </summary>
public sealed class BalancedSolver(bool replicated, string engine, PlaceOptions options) : IPlacementSolver
{
    public string Name => replicated ? "balanced-replicated" : "balanced";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation)
    {
        var balance = new LayerBalance(engine, options);
        var eplb = Eplb(problem, cancellation);
        var (before, solves) = (new PlacedLayer[problem.Layers], new SolveRecord[problem.Layers]);
        Parallel.For(0, problem.Layers, new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = cancellation },
            l => (before[l], solves[l]) = NoWorseThan(eplb?[l], problem, l, replicated ? Replicated(problem, balance, l, cancellation) : Single(problem, balance, l, cancellation)));
        var program = new AssignmentProgram(engine, options);
        var assigned = program.Search(ClusterTraffic.Problem(problem, before, keepSpeeds: true), "assignment", cancellation)
            ?? throw program.Infeasible(Name, problem.Cluster.Name);
        return new PlacementSolution(Name, ClusterTraffic.Assigned(before, assigned.GpuOf), [.. solves, assigned.Solve])
        {
            BeforeAssignment = before,
            LayerBounds = replicated ? null : [.. solves.Select(solve => solve.Bound)],
            Notes = ClusterTraffic.Notes(problem, assigned),
        };
    }

    /// <summary>EPLB's plan, where the numbers divide as it needs.</summary>
    IReadOnlyList<PlacedLayer>? Eplb(PlacementProblem problem, CancellationToken cancellation)
    {
        try
        {
            return new EplbSolver(replicated, options).Solve(problem, cancellation).Layers;
        }
        catch (UserError)
        {
            return null;
        }
    }

    /// <summary>EPLB may put copies of an expert together on a GPU, which then takes more of its tokens; now and then that is better than what even shares allow.</summary>
    static (PlacedLayer, SolveRecord) NoWorseThan(PlacedLayer? eplb, PlacementProblem problem, int l, (PlacedLayer Layer, SolveRecord Solve) found)
    {
        if (eplb is null || DeviceShares.Slowest(DeviceShares.Load(eplb, problem.Statistics.Load[l]), problem.Cluster.Speeds) is var theirs && theirs >= found.Solve.Objective)
            return found;
        return (eplb, found.Solve with { Engine = "eplb", Objective = theirs });
    }

    static (PlacedLayer, SolveRecord) Single(PlacementProblem problem, LayerBalance balance, int l, CancellationToken cancellation)
    {
        var layer = problem.Statistics.Layers[l];
        var (gpuOf, solve) = balance.Solve(BalanceProblem.Of(problem.Statistics.Load[l], problem.Cluster.Speeds), $"balance of layer {layer.Layer}", cancellation);
        return (PlacementSolution.Layer(layer.Layer, gpuOf, problem.Gpus), solve);
    }

    (PlacedLayer, SolveRecord) Replicated(PlacementProblem problem, LayerBalance balance, int l, CancellationToken cancellation)
    {
        var layer = problem.Statistics.Layers[l];
        var slots = problem.Slots(l, options);
        var (items, gpuOf, solve) = balance.Replicate(problem.Statistics.Load[l], problem.Cluster.Speeds, slots, $"balance of layer {layer.Layer}", cancellation);
        return (new PlacedLayer(layer.Layer, layer.Experts,
            [.. Enumerable.Range(0, problem.Gpus).Select(g => Enumerable.Range(0, items.Items).Where(i => gpuOf[i] == g).Select(i => items.Expert[i]).Order().ToArray())]), solve);
    }
}
