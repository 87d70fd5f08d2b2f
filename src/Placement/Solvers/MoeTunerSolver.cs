using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Programs;

namespace OnnxMoe.Placement.Solvers;

/// <summary>
/// MoETuner (arXiv 2502.06643): clusters of equal load in each layer, then clusters to GPUs with little traffic from layer to
/// layer. Where clusters of any size cannot meet the memory equation within the allowed slack, clusters have equal sizes instead.
/// </summary>
public sealed class MoeTunerSolver(bool equalSizes, string engine, PlaceOptions options) : IPlacementSolver
{
    readonly AssignmentProgram _assignment = new(engine, options);

    public string Name => equalSizes ? "moetuner-equal" : "moetuner";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation)
    {
        if (TrySolve(problem, equalSizes, cancellation) is { } solution)
            return solution;
        if (!equalSizes && problem.Statistics.Layers.All(l => l.Experts % problem.Gpus == 0) && TrySolve(problem, true, cancellation) is { } equal)
            return equal with { Notes = [.. equal.Notes, $"Clusters of any size do not fit the memory rule with a slack of at most {options.MemorySlack} experts; all clusters have the same size instead."] };
        throw _assignment.Infeasible(Name, problem.Cluster.Name);
    }

    PlacementSolution? TrySolve(PlacementProblem problem, bool equal, CancellationToken cancellation)
    {
        if (equal && problem.Statistics.Layers.FirstOrDefault(l => l.Experts % problem.Gpus != 0) is { } odd)
            throw new UserError($"{Name} needs as many experts on every GPU, but {problem.Gpus} GPUs do not divide the {odd.Experts} experts of layer {odd.Layer}.");
        var clustering = new ClusteringProgram(engine, options);
        var clusters = new Clustering[problem.Layers];
        for (var l = 0; l < clusters.Length; l++)
        {
            cancellation.ThrowIfCancellationRequested();
            clusters[l] = clustering.Solve(problem.Statistics.Load[l], problem.Gpus, equal, $"clustering of layer {problem.Statistics.Layers[l].Layer}", cancellation);
        }
        var solves = clusters.Select(c => c.Solve).ToList();
        PlacedLayer[] before = [.. clusters.Select((c, l) => PlacementSolution.Layer(problem.Statistics.Layers[l].Layer, c.ClusterOf, problem.Gpus))];
        var assignment = _assignment.Solve(ClusterTraffic.Problem(problem, before), "assignment", cancellation);
        if (assignment is null)
            return null;
        return new PlacementSolution(Name, ClusterTraffic.Assigned(before, assignment.GpuOf), [.. solves, assignment.Solve])
        {
            BeforeAssignment = before,
            Notes = ClusterTraffic.Notes(problem, assignment),
        };
    }
}
