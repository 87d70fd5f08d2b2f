using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>Counts the tokens that devices send each other; any number of threads may add.</summary>
public sealed class TrafficCounter
{
    private readonly int _devices;
    private readonly SortedDictionary<int, long[]> _sent; // by layer: [from * devices + to]

    /// <param name="layers">Numbers of the routed layers.</param>
    /// <param name="devices">How many devices.</param>
    public TrafficCounter(IEnumerable<int> layers, int devices) =>
        (_devices, _sent) = (devices, new(layers.Distinct().ToDictionary(layer => layer, _ => new long[devices * devices])));

    /// <summary>What was sent so far, a layer each.</summary>
    public IReadOnlyList<TokenTraffic> Read() => [.. _sent.Select(layer =>
    {
        var tokens = new long[_devices, _devices];
        for (var i = 0; i < layer.Value.Length; i++)
            tokens[i / _devices, i % _devices] = Interlocked.Read(ref layer.Value[i]);
        return new TokenTraffic(layer.Key, tokens);
    })];

    /// <summary>A token goes to another device.</summary>
    internal void Add(int layer, int from, int to) => Interlocked.Increment(ref _sent[layer][(from * _devices) + to]);
}
