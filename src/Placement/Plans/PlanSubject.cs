using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Plans;

/// <summary>A plan together with the trace, cluster and sizes that it was made from, checked to belong together.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="Path">Its file.</param>
/// <param name="Input">What it was made from.</param>
public sealed record PlanSubject(PlacementPlan Plan, string Path, PlacementInput Input)
{
    /// <summary>Reads a plan and what it was made from.</summary>
    /// <param name="modelFolder">Folder with manifest.json and trace.bin; may lack both when the options name a trace.</param>
    /// <param name="options">Trace, cluster and plan; without a cluster, that of the plan's name is taken from <paramref name="clusters"/>.</param>
    /// <param name="clusters">Folder of cluster descriptions.</param>
    /// <exception cref="UserError">Something is missing, or the plan is not for this model, trace or cluster.</exception>
    public static PlanSubject Read(string modelFolder, PlaceOptions options, string clusters)
    {
        var path = PlanFile.PathOf(modelFolder, options);
        var plan = PlacementPlan.Load(path);
        PlanFile.CheckTies(plan, path, modelFolder, options);
        if (options.Cluster == "")
            (options.Cluster, options.Nodes) = PlanFile.FindCluster(plan, path, clusters);
        var input = PlacementInput.Read(modelFolder, options);
        CheckCluster(plan, path, input);
        CheckNumbers(plan, path, input);
        return new PlanSubject(plan, path, input);
    }

    static void CheckCluster(PlacementPlan plan, string path, PlacementInput input)
    {
        var gpus = input.Cluster.Devices;
        if (gpus.Count != plan.Devices.Count)
            throw new UserError($"{path} is for {plan.Devices.Count} GPUs ('{plan.Source.Cluster}'), but '{input.Cluster.Name}' has {gpus.Count}.");
        for (var g = 0; g < gpus.Count; g++)
        {
            if (gpus[g].NodeName != plan.Devices[g].Node || gpus[g].MemoryBytes != plan.Devices[g].MemoryBytes)
                throw new UserError($"{path} has GPU {g} on node '{plan.Devices[g].Node}' with {plan.Devices[g].MemoryBytes:N0} bytes, but in '{input.Cluster.Name}' it is on node '{gpus[g].NodeName}' with {gpus[g].MemoryBytes:N0}; give the cluster that the plan was made for.");
        }
    }

    static void CheckNumbers(PlacementPlan plan, string path, PlacementInput input)
    {
        PlacementCheck.Matches(plan, [.. input.Problem(input.All).Statistics.Layers.Select(l => (l.Layer, l.Experts))], path, "trace");
        // A trace that is drawn has no file and no hash, but a name that says its shape.
        if (plan.Source.TraceHash == "" && plan.Source.Trace != input.Source.Trace)
            throw new UserError($"{path} was made from '{plan.Source.Trace}', not from '{input.Source.Trace}'.");
        if (plan.Source.Tokens != input.All.Length)
            throw new UserError($"{path} was made from {plan.Source.Tokens:N0} tokens of {plan.Source.Trace}, but the settings take {input.All.Length:N0}; give the same --phase.");
        if (input.Sizes.ExpertBytes.Max() == 0)
            return;
        var used = input.Sizes.Used(plan.Layers, plan.Devices.Count);
        for (var g = 0; g < used.Length; g++)
        {
            if (plan.Devices[g].UsedBytes != used[g])
                throw new UserError($"{path} says that GPU {g} holds {plan.Devices[g].UsedBytes:N0} bytes of weights, but what it lists there takes {used[g]:N0}; it was edited, or made with other sizes, so plan again.");
        }
    }
}
