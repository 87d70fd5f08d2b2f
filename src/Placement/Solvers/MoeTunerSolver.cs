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
    public string Name => equalSizes ? "moetuner-equal" : "moetuner";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation)
    {
        if (TrySolve(problem, equalSizes, cancellation) is { } solution)
            return solution;
        if (!equalSizes && problem.Statistics.Layers.All(l => l.Experts % problem.Gpus == 0) && TrySolve(problem, true, cancellation) is { } equal)
            return equal with { Notes = [.. equal.Notes, $"Clusters of any size do not fit the memory rule with a slack of at most {options.MemorySlack} experts; all clusters have the same size instead."] };
        throw new UserError($"{Name} finds no plan for '{problem.Cluster.Name}' that keeps its GPUs within their memory and within {options.MemorySlack} experts of the mean; allow more with Place:MemorySlack (-1 takes what is needed).");
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
        var assignment = Assign(problem, clusters, cancellation);
        if (assignment is null)
            return null;
        solves.Add(assignment.Solve);
        PlacedLayer[] Layers(Func<int, int, int> gpuOf) =>
            [.. clusters.Select((c, l) => PlacementSolution.Layer(problem.Statistics.Layers[l].Layer, [.. c.ClusterOf.Select(k => gpuOf(l, k))], problem.Gpus))];
        return new PlacementSolution(Name, Layers((l, k) => assignment.GpuOf[l][k]), solves)
        {
            BeforeAssignment = Layers((_, k) => k),
            Notes = Notes(problem, assignment),
        };
    }

    Assignment? Assign(PlacementProblem problem, Clustering[] clusters, CancellationToken cancellation)
    {
        var sizes = clusters.Select(c => Sizes(c, problem.Gpus)).ToArray();
        var assignmentProblem = new AssignmentProblem(sizes, Traffic(problem, clusters), problem.Cluster, problem.Sizes.Capacity(problem.Cluster));
        return new AssignmentProgram(engine, options).Solve(assignmentProblem, "assignment", cancellation);
    }

    /// <summary>C[l][c1, c2]; all 0 for expert counts, which leaves the memory equation alone to be met.</summary>
    internal static long[][,] Traffic(PlacementProblem problem, Clustering[] clusters) =>
        [.. Enumerable.Range(0, problem.Layers - 1).Select(l => Traffic(problem.Statistics.Flow?[l], clusters[l].ClusterOf, clusters[l + 1].ClusterOf, problem.Gpus))];

    static long[,] Traffic(long[,]? flow, int[] from, int[] to, int gpus)
    {
        var traffic = new long[gpus, gpus];
        for (var e1 = 0; flow is not null && e1 < from.Length; e1++)
        {
            for (var e2 = 0; e2 < to.Length; e2++)
                traffic[from[e1], to[e2]] += flow[e1, e2];
        }
        return traffic;
    }

    static int[] Sizes(Clustering clustering, int gpus)
    {
        var sizes = new int[gpus];
        foreach (var c in clustering.ClusterOf)
            sizes[c]++;
        return sizes;
    }

    static List<string> Notes(PlacementProblem problem, Assignment assignment)
    {
        var notes = new List<string>();
        if (assignment.Slack > 0)
            notes.Add($"Equal memory on all GPUs cannot be met with these clusters; the smallest slack found, {assignment.Slack} experts, was allowed.");
        if (problem.Statistics.Flow is null)
            notes.Add("Expert counts do not link layers, so the assignment of clusters to GPUs only balances memory.");
        if (problem.Statistics.Steps?.Any(step => step.From == step.To) == true)
            notes.Add("The assignment plans the traffic from layer to layer; that between the iterations of a layer is measured but not planned for.");
        return notes;
    }
}
