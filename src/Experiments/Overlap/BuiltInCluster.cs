using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Experiments.Overlap;

/// <summary>The machines of models/clusters that simulations need, built into the assembly.</summary>
internal static class BuiltInCluster
{
    /// <param name="name">Of the file, without its extension.</param>
    public static Cluster Read(string name)
    {
        using var stream = typeof(BuiltInCluster).Assembly.GetManifestResourceStream($"{name}.json")!;
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return new Cluster(JsonFile.Parse<ClusterDescription>(bytes.ToArray(), name), name);
    }
}
