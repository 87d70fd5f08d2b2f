using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;

namespace OnnxMoe.Placement.Solvers;

/// <summary>What a layer's plan puts on a GPU is a cluster; which GPU that is may still be chosen, layer by layer.</summary>
static class ClusterTraffic
{
    /// <summary>The problem of choosing it: C from the tokens between the clusters (0 for expert counts, which leaves memory alone to be met).</summary>
    /// <param name="problem">Statistics, cluster, sizes.</param>
    /// <param name="layers">Cluster c of a layer is what is on its device c.</param>
    /// <param name="keepSpeeds">Clusters were made for GPUs of their speed and must stay on such.</param>
    public static AssignmentProblem Problem(PlacementProblem problem, IReadOnlyList<PlacedLayer> layers, bool keepSpeeds = false)
    {
        var units = problem.Sizes.ExpertUnits;
        var speeds = problem.Cluster.Speeds;
        return new AssignmentProblem(
            [.. layers.Select((layer, l) => layer.Devices.Select(d => d.Count * units[l]).ToArray())],
            [.. Enumerable.Range(0, layers.Count - 1).Select(l => Traffic(problem, layers, l))],
            problem.Cluster, problem.Sizes.Capacity(problem.Cluster),
            keepSpeeds && speeds.Distinct().Count() > 1 ? [.. speeds.Select(s => Array.IndexOf(speeds, s))] : null);
    }

    /// <summary>The layers with cluster c of layer l on GPU gpuOf[l][c].</summary>
    public static PlacedLayer[] Assigned(IReadOnlyList<PlacedLayer> layers, int[][] gpuOf) =>
        [.. layers.Select((layer, l) => layer with { Devices = [.. Enumerable.Range(0, layer.Devices.Count).Select(g => layer.Devices[Array.IndexOf(gpuOf[l], g)])] })];

    static long[,] Traffic(PlacementProblem problem, IReadOnlyList<PlacedLayer> layers, int l)
    {
        var traffic = new long[problem.Gpus, problem.Gpus];
        if (problem.Statistics.Flow?[l] is not { } flow)
            return traffic;
        var tokens = DeviceShares.Flow(layers[l], layers[l + 1], flow);
        for (var i = 0; i < traffic.Length; i++)
            traffic[i / problem.Gpus, i % problem.Gpus] = (long)Math.Round(tokens[i / problem.Gpus, i % problem.Gpus]);
        return traffic;
    }

    /// <summary>What to know about an assignment, a sentence each.</summary>
    public static List<string> Notes(PlacementProblem problem, Assignment assignment)
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
