using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Plans;

namespace OnnxMoe.Placement.Deployment;

/// <summary><c>place --deploy</c>: writes sketches of a deployment from a plan, into the folder deploy beside it.</summary>
public static class DeployRun
{
    /// <summary>The folder beside the plan.</summary>
    public const string Folder = "deploy";

    /// <summary>The manifests of Kubernetes in it.</summary>
    public const string KubernetesFile = "kubernetes.yaml";

    /// <summary>The folder of Triton's model repositories in it.</summary>
    public const string TritonFolder = "triton";

    /// <summary>Writes what <see cref="PlaceOptions.Deploy"/> asks for; nothing for "none".</summary>
    /// <param name="modelFolder">As for planning.</param>
    /// <param name="options">Settings.</param>
    /// <param name="log">What was written.</param>
    /// <exception cref="UserError">No plan, or one that breaks a rule.</exception>
    public static void Execute(string modelFolder, PlaceOptions options, TextWriter log)
    {
        if (options.Deploy == "none")
            return;
        var path = PlanFile.PathOf(modelFolder, options);
        var plan = PlacementPlan.Load(path);
        // Beside the plan, or in the output folder where one is named.
        var folder = Path.Combine(options.Output != "" ? options.Output : Path.GetDirectoryName(path) is { Length: > 0 } beside ? beside : ".", Folder);
        Write(plan, Checksums.Sha256(path), options.Deploy, folder, log);
    }

    static void Write(PlacementPlan plan, string hash, string what, string folder, TextWriter log)
    {
        var (triton, kubernetes) = (what is "triton" or "both", what is "kubernetes" or "both");
        // What may fail comes before the first file is written.
        var manifests = kubernetes ? KubernetesManifests.Text(plan, hash) : "";
        if (triton)
        {
            var repositories = Path.Combine(folder, TritonFolder);
            foreach (var (path, text) in TritonRepository.Files(plan, hash))
                AtomicFile.WriteText(Path.Combine(repositories, path), text);
            foreach (var old in Left(plan, repositories))
                log.WriteLine($"Note: {old} is not of this plan; remove it if it is left from an earlier one.");
        }
        if (kubernetes)
            AtomicFile.WriteText(Path.Combine(folder, KubernetesFile), manifests);
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), DeploymentNotes.Text(plan, hash, triton, kubernetes));
        log.WriteLine($"Deploy: {folder} (a sketch: its README.md says what must still be done by hand)");
    }

    /// <summary>Models in the repositories that the plan does not have.</summary>
    static IEnumerable<string> Left(PlacementPlan plan, string repositories)
    {
        var mine = DeployedNode.Of(plan).SelectMany(node => node.Devices.Select(g => Path.Combine(repositories, node.Label, TritonRepository.Name(plan, g)))).ToHashSet();
        return Directory.GetDirectories(repositories).SelectMany(Directory.GetDirectories).Where(model => !mine.Contains(model)).Order(StringComparer.Ordinal);
    }
}
