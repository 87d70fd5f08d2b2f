using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Mappings;

namespace OnnxMoe.Experiments.Simulations;

/// <summary>The clusters, model shapes and routing traces that come with the project, embedded when it is built.</summary>
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

    /// <summary>A routing trace or a file of expert counts.</summary>
    /// <param name="name">Path in models/traces, without its extension.</param>
    /// <param name="load">Reads it; it gets the path of a copy that is removed afterwards.</param>
    public static T Trace<T>(string name, Func<string, T> load)
    {
        var folder = Directory.CreateTempSubdirectory("onnxmoe-trace-");
        try
        {
            var path = Path.Combine(folder.FullName, $"{Path.GetFileName(name)}.json");
            File.WriteAllBytes(path, Read($"traces/{name}.json"));
            return load(path);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Names of the files of expert counts of Mixtral-8x7B.</summary>
    public static IReadOnlyList<string> MixtralCounts { get; } = [.. typeof(Machines).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith("traces/mixtral-8x7b-mmlu/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(name => name["traces/".Length..^".json".Length])];

    private static byte[] Read(string name)
    {
        using var stream = typeof(Machines).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The resource {name} is missing from the assembly.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
