using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Mappings;

namespace OnnxMoe.Experiments.Simulations;

/// <summary>The clusters and model shapes that come with the project, embedded when it is built.</summary>
public static class Machines
{
    /// <summary>So many nodes of a kind.</summary>
    /// <param name="name">Name in models/clusters.</param>
    /// <param name="nodes">How many.</param>
    /// <param name="gpus">GPUs of a node; 0: all.</param>
    public static Cluster Cluster(string name, int nodes, int gpus = 0)
    {
        var description = JsonFile.Parse<ClusterDescription>(Read($"clusters/{name}.json"), name);
        return Placement.Clusters.Cluster.Of(gpus == 0 ? description : description with { Nodes = [.. description.Nodes.Select(node => node with { Gpus = gpus })] }, nodes, name);
    }

    /// <summary>A model's sizes.</summary>
    /// <param name="name">Name in models/shapes.</param>
    public static ModelShape Shape(string name) => JsonFile.Parse<ModelShape>(Read($"shapes/{name}.json"), name);

    private static byte[] Read(string name)
    {
        using var stream = typeof(Machines).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The resource {name} is missing from the assembly.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
