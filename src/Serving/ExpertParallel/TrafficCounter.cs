using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>
/// Counts the tokens that devices send each other, and the work they do; any number of threads may add. A token counts once a layer, however often a device's
/// failure or the want of a slot makes it go there again.
/// </summary>
public sealed class TrafficCounter
{
    private readonly int _devices;
    private readonly SortedDictionary<int, long[]> _sent; // by layer: [from * devices + to]
    private readonly long[] _tokens; // by device
    private readonly long[] _busy; // by device, in ticks of TimeSpan

    /// <param name="layers">Numbers of the routed layers.</param>
    /// <param name="devices">How many devices.</param>
    public TrafficCounter(IEnumerable<int> layers, int devices) =>
        (_devices, _sent, _tokens, _busy) = (devices, new(layers.Distinct().ToDictionary(layer => layer, _ => new long[devices * devices])), new long[devices], new long[devices]);

    /// <summary>What was sent so far, a layer each.</summary>
    public IReadOnlyList<TokenTraffic> Read() => [.. _sent.Select(layer =>
    {
        var tokens = new long[_devices, _devices];
        for (var i = 0; i < layer.Value.Length; i++)
            tokens[i / _devices, i % _devices] = Interlocked.Read(ref layer.Value[i]);
        return new TokenTraffic(layer.Key, tokens);
    })];

    /// <summary>Tokens that a device has taken through its experts so far, each counted once a layer, and how long it was busy, repetitions included.</summary>
    public (long Tokens, TimeSpan Busy) WorkOf(int device) => (Interlocked.Read(ref _tokens[device]), TimeSpan.FromTicks(Interlocked.Read(ref _busy[device])));

    /// <summary>A device was busy with its experts.</summary>
    internal void Worked(int device, TimeSpan time) => Interlocked.Add(ref _busy[device], time.Ticks);

    /// <summary>What was counted since the last time of the tokens of a home and the work of its device, as numbers; they begin anew.</summary>
    internal long[] TakeOf(int home)
    {
        var counted = new List<long>();
        foreach (var sent in _sent.Values)
            for (var device = 0; device < _devices; device++)
                counted.Add(Interlocked.Exchange(ref sent[(home * _devices) + device], 0));
        for (var device = 0; device < _devices; device++)
            counted.Add(Interlocked.Exchange(ref _tokens[device], 0));
        return [.. counted, Interlocked.Exchange(ref _busy[home], 0)];
    }

    /// <summary>Adds what <see cref="TakeOf"/> took in another process.</summary>
    internal void Add(int home, long[] counted)
    {
        foreach (var (layer, sent) in _sent.Values.Index())
            for (var device = 0; device < _devices; device++)
                Interlocked.Add(ref sent[(home * _devices) + device], counted[(layer * _devices) + device]);
        for (var device = 0; device < _devices; device++)
            Interlocked.Add(ref _tokens[device], counted[(_sent.Count * _devices) + device]);
        Interlocked.Add(ref _busy[home], counted[^1]);
    }

    /// <summary>Tokens of a home have met experts of a layer on a device.</summary>
    internal void Add(int layer, int home, int device, int tokens)
    {
        Interlocked.Add(ref _tokens[device], tokens);
        if (device != home)
            Interlocked.Add(ref _sent[layer][(home * _devices) + device], tokens);
    }
}
