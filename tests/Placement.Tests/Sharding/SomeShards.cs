using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Placement.Tests.Sharding;

/// <summary>Small inputs for tests of sharding.</summary>
static class SomeShards
{
    /// <summary>Nodes of equal GPUs: 100 GB/s within a node, 10 GB/s between nodes, which a node's GPUs share; 1 TFLOPS, no latency.</summary>
    public static Cluster Cluster(int nodes, int gpus, double memoryGiB = 0) => new(
        new ClusterDescription("test", [new ClusterNode(gpus, memoryGiB) { Count = nodes, Teraflops = 1 }], new ClusterLink(100))
        {
            BetweenNodes = new ClusterLink(10),
            NodeGigabytesPerSecond = 10,
        }, "test.json");

    /// <summary>Experts of 2 x 8 x 16 = 256 weights; attention of 100 us on <see cref="Cluster"/>, at full speed.</summary>
    public static TrainingModel Model { get; } = new("test", 8, 16, SequenceLength: 1, TokensPerDevice: 1) { Efficiency = 1 };

    public static TrainingCosts Costs(Cluster cluster, int tokens = 100) => new(Model with { TokensPerDevice = tokens }, cluster);

    /// <summary>Uneven random loads, some of them equal.</summary>
    public static double[] Load(Random random, int experts) => [.. Enumerable.Range(0, experts).Select(_ => (double)(random.Next(1, 9) * random.Next(1, 9)))];

    /// <summary>Random owners.</summary>
    public static PlacedLayer Owned(Random random, int experts, int devices) => ExpertShards.Placed(0, [.. Enumerable.Range(0, experts).Select(_ => random.Next(devices))], devices);

    /// <summary>Counts whose hot experts stay for a while and then change.</summary>
    public static IterationCounts Counts(int iterations, int layers, int experts, int seed, int changeEvery = 10)
    {
        var random = new Random(seed);
        var heat = new double[layers, experts];
        var counts = new long[iterations][][];
        for (var i = 0; i < iterations; i++)
        {
            for (var h = 0; i % changeEvery == 0 && h < layers * experts; h++)
                heat[h / experts, h % experts] = Math.Exp(2 * random.NextDouble());
            counts[i] = [.. Enumerable.Range(0, layers).Select(l => Enumerable.Range(0, experts).Select(e => 1 + (long)(100 * heat[l, e] * (0.9 + (0.2 * random.NextDouble())))).ToArray())];
        }
        return new IterationCounts("test", counts);
    }

    public static IEnumerable<(int Device, int Expert)> Copies(PlacedLayer owned, PlacedLayer placed) =>
        placed.Devices.SelectMany((held, d) => held.Except(owned.Devices[d]).Select(e => (d, e)));
}
