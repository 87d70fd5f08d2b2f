using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Experiments.Sharding;

/// <summary>The clusters of models/clusters that experiments use, built into the assembly.</summary>
internal static class BuiltInCluster
{
    /// <param name="name">Of the file, without its extension.</param>
    /// <param name="nodes">How many nodes of its kind.</param>
    /// <param name="gpus">GPUs of a node; 0: all.</param>
    public static Cluster Read(string name, int nodes, int gpus = 0)
    {
        using var stream = typeof(BuiltInCluster).Assembly.GetManifestResourceStream($"{name}.json")!;
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        var description = JsonFile.Parse<ClusterDescription>(bytes.ToArray(), name);
        var node = description.Nodes[0];
        return new Cluster(description with { Nodes = [node with { Count = nodes, Gpus = gpus > 0 ? gpus : node.Gpus }] }, name);
    }
}
