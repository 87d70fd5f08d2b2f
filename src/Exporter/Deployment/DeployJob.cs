using OnnxMoe.Artifacts;

namespace OnnxMoe.Exporter.Deployment;

/// <summary><c>export --deploy</c>: writes what deploys an exported model, into the folder deploy of the model folder.</summary>
public static class DeployJob
{
    /// <summary>The folder in the model folder.</summary>
    public const string Folder = "deploy";

    /// <param name="modelFolder">The folder of the exported model.</param>
    /// <param name="file">Which of its ONNX files.</param>
    /// <param name="targets">What to write.</param>
    /// <param name="log">Told where it is.</param>
    /// <exception cref="UserError">The file was not exported, or the folder may not be written.</exception>
    public static void Run(string modelFolder, string file, IReadOnlyList<DeployTarget> targets, TextWriter log)
    {
        var model = new DeployedModel(modelFolder, file);
        var sizes = new ServerSizes(model);
        var folder = Path.Combine(modelFolder, Folder);
        if (targets.Contains(DeployTarget.Triton))
            TritonModel.Write(model, Path.Combine(folder, TritonModel.Repository));
        if (targets.Contains(DeployTarget.Kubernetes))
        {
            AtomicFile.WriteText(Path.Combine(folder, KubernetesServer.File), KubernetesServer.Manifests(model, sizes));
            AtomicFile.WriteText(Path.Combine(folder, KubernetesServer.GpuPatch), KubernetesServer.Patch(model));
            AtomicFile.WriteText(Path.Combine(folder, ServerImage.File), ServerImage.Text(model));
            AtomicFile.WriteText(Path.Combine(folder, ServerImage.IgnoreFile), ServerImage.Ignored);
        }
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), DeploymentGuide.Text(model, sizes, targets));
        log.WriteLine($"{folder} (for {string.Join(" and ", targets)}; its README.md has the commands)");
    }
}
