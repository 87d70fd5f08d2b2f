using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement.Tests.Support;

/// <summary>Small inputs for tests.</summary>
static class Some
{
    public static string Data(string file) => Path.Combine(AppContext.BaseDirectory, "data", file);

    public static RoutingTrace Granite { get; } = RoutingTraceJson.Load(Data("granite-3.0-1b-a400m.trace.json"));

    public static PlaceOptions Options => new() { ClusteringSeconds = 5, AssignmentSeconds = 5, Gap = 0, Threads = 1, SearchSeconds = 5, JointSeconds = 5, Splits = 0 };

    public static Cluster Cluster(int gpusPerNode, int nodes = 1, double ratio = 9) => new(
        new ClusterDescription("test", [.. Enumerable.Range(0, nodes).Select(_ => new ClusterNode(gpusPerNode))], new ClusterLink(450))
        {
            BetweenNodes = new ClusterLink(450 / ratio),
        }, "test.json");

    public static ModelSizes Sizes(int layers, long expertBytes = 0) =>
        new([.. Enumerable.Repeat(expertBytes, layers)], 0, 1024, [.. Enumerable.Repeat(0L, layers)]);

    /// <summary>A random trace in which neighbouring layers are correlated and experts are unevenly used.</summary>
    public static RoutingTrace Trace(int layers, int experts, int k, int tokens, int seed)
    {
        var random = new Random(seed);
        var ids = Enumerable.Range(0, layers).Select(_ => new int[tokens * k]).ToArray();
        for (var t = 0; t < tokens; t++)
        {
            var topic = random.Next(experts);
            for (var l = 0; l < layers; l++)
            {
                var chosen = Enumerable.Range(0, experts).OrderBy(e => random.NextDouble() * (1 + (e + topic * (l + 1)) % experts)).Take(k).ToArray();
                chosen.CopyTo(ids[l], t * k);
            }
        }
        var header = new RoutingTraceHeader([.. Enumerable.Range(0, layers).Select(l => new TracedLayer(l, experts, k))], "random", HasWeights: false);
        return new RoutingTrace(header, [new RoutingTraceFrame(0, RoutingPhase.Evaluation, tokens,
            [.. ids.Select(i => (ReadOnlyMemory<int>)i)], [.. ids.Select(_ => ReadOnlyMemory<float>.Empty)])]);
    }

    public static PlacementProblem Problem(RoutingTrace trace, Cluster cluster) =>
        new(RoutingStatistics.Of(trace, [.. Enumerable.Range(0, trace.Tokens)]), cluster, Sizes(trace.Layers.Count)) { Trace = trace, Tokens = [.. Enumerable.Range(0, trace.Tokens)] };
}
