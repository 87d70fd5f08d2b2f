using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Plans;

/// <summary>The plan that a run of <c>place</c> writes, or that it is given, and what belongs to it.</summary>
public static class PlanFile
{
    /// <summary>Where the plan is: as the settings say, or where <c>place</c> writes it.</summary>
    public static string PathOf(string modelFolder, PlaceOptions options) =>
        options.Plan != "" ? options.Plan : Path.Combine(options.Output != "" ? options.Output : HasModel(modelFolder) ? modelFolder : ".", PlacementPlan.FileName);

    /// <summary>Checks a plan that is there, without planning; the ties to model and trace as far as they are given.</summary>
    /// <exception cref="UserError">A rule is broken, or the plan is for something else.</exception>
    public static void Check(string modelFolder, PlaceOptions options, TextWriter log)
    {
        var path = PathOf(modelFolder, options);
        var plan = PlacementPlan.Load(path);
        var ties = CheckTies(plan, path, modelFolder, options);
        log.WriteLine($"{path}: {plan.Layers.Count} routed layers of {string.Join("/", plan.Layers.Select(l => l.Experts).Distinct())} experts of {plan.Source.Model} on {plan.Devices.Count} GPUs of '{plan.Source.Cluster}', planned by {plan.Solver}.");
        log.WriteLine(ties.Count > 0 ? $"It keeps the rules of a plan and belongs to {string.Join(" and to ", ties)}." : "It keeps the rules of a plan; neither its model nor its trace was given.");
    }

    /// <summary>Throws when the plan is not for the model folder or the trace; returns what it was compared with.</summary>
    internal static IReadOnlyList<string> CheckTies(PlacementPlan plan, string path, string modelFolder, PlaceOptions options)
    {
        var ties = new List<string>();
        if (HasModel(modelFolder))
        {
            PlacementTies.ToModel(plan, path, modelFolder);
            ties.Add($"the model in {modelFolder}");
        }
        var trace = options.Trace != "" ? options.Trace : HasModel(modelFolder) ? Path.Combine(modelFolder, "trace.bin") : "";
        if (trace != "" && (options.Trace != "" || File.Exists(trace)))
        {
            PlacementTies.ToTrace(plan, path, trace);
            ties.Add($"the trace {trace}");
        }
        return ties;
    }

    /// <summary>The description among <paramref name="folder"/> that has the name of the plan's cluster, and its number of nodes (0: as it says).</summary>
    internal static (string File, int Nodes) FindCluster(PlacementPlan plan, string path, string folder)
    {
        foreach (var file in Directory.Exists(folder) ? Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal) : Enumerable.Empty<string>())
        {
            var description = JsonFile.Load<ClusterDescription>(file);
            if (description.Name == plan.Source.Cluster)
                return (file, 0);
            var nodes = plan.Devices.Select(d => d.Node).Distinct().Count();
            if (description.Nodes.Count == 1 && Cluster.NameOf(description, nodes) == plan.Source.Cluster)
                return (file, nodes);
        }
        throw new UserError($"{path} was made for the cluster '{plan.Source.Cluster}', which is not among the descriptions in '{folder}'; give its file with --cluster.");
    }

    static bool HasModel(string folder) => folder.Length > 0 && File.Exists(Path.Combine(folder, ModelManifest.FileName));
}
