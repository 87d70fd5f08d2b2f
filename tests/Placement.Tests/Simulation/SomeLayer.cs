using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Simulation;

namespace OnnxMoe.Placement.Tests.Simulation;

/// <summary>Small layers for tests of the simulator.</summary>
static class SomeLayer
{
    public static ExpertShape Shape { get; } = new(1024, 2048, Gated: true);

    public static Cluster Gpus(int gpus, double gigabytes = 200, double microseconds = 5, double teraflops = 989, int blocks = 132, double memory = 3350, double block = 8, int nodes = 1) =>
        new(new ClusterDescription("test", [new ClusterNode(gpus / nodes) { Count = nodes, Teraflops = teraflops, Blocks = blocks, MemoryGigabytesPerSecond = memory, BlockGigabytesPerSecond = block }],
            new ClusterLink(gigabytes, microseconds))
        { BetweenNodes = new ClusterLink(gigabytes / 4, 2 * microseconds) }, "test.json");

    public static PlacedLayer Contiguous(int experts, int gpus) =>
        new(0, experts, [.. Enumerable.Range(0, gpus).Select(g => Enumerable.Range(0, experts).Where(e => e * gpus / experts == g).ToArray())]);

    /// <summary>Distinct experts for each token, the lower numbers more often.</summary>
    public static int[] Ids(int tokens, int experts, int k, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, tokens).SelectMany(_ => Enumerable.Range(0, experts).OrderBy(e => random.NextDouble() * (experts + e)).Take(k).ToArray())];
    }

    public static RankRows[] Rows(int tokens, int experts, int k, int gpus, int seed = 1, bool merge = false, int slices = 1) =>
        RankRows.Of(Contiguous(experts, gpus / slices), Ids(tokens, experts, k, seed), k, RankRows.EqualShards(tokens, gpus), merge, slices);

    public static RankSimulator[] Simulators(Cluster cluster, RankRows[] rows, ExpertShape? shape = null) =>
        [.. rows.Select(r => new RankSimulator(cluster, shape ?? Shape, TileSize.Usual, r))];
}
