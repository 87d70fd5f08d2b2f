using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Simulation;

/// <summary>
/// The ports through which a GPU receives rows, or sends them: one to its node and one to the others. A port moves
/// one message at a time, or several where it is wider than a pair's connection. A message costs a fixed time and its bytes over the
/// bandwidth. Only the ports of the GPU that has the experts are counted: the homes of tokens are spread evenly, so theirs are never the narrower.
/// </summary>
sealed class RankLinks
{
    readonly Cluster _cluster;
    readonly int _rank, _blocks;
    readonly EventTimeline _timeline;
    readonly Dictionary<bool, int> _ports = [];

    /// <param name="blocks">Blocks that communicate beside those that compute; 0: transfers by a kernel of their own or copy engines, at the full bandwidth.</param>
    /// <param name="order">In which order a port takes messages.</param>
    public RankLinks(EventTimeline timeline, Cluster cluster, int rank, string name, int blocks, ResourceOrder order = ResourceOrder.Given)
    {
        (_timeline, _cluster, _rank, _blocks) = (timeline, cluster, rank, blocks);
        foreach (var peer in Enumerable.Range(0, cluster.Devices.Count).Where(peer => peer != rank))
        {
            if (!_ports.ContainsKey(Near(peer)))
                _ports[Near(peer)] = timeline.AddResource($"{name} {(Near(peer) ? "within the node" : "between nodes")}", Units(peer), order);
        }
    }

    /// <summary>Bytes of all messages.</summary>
    public long Bytes { get; private set; }

    /// <summary>Numbers of the ports in the timeline.</summary>
    public IEnumerable<int> Ports => _ports.Values;

    /// <summary>A message from or to another GPU.</summary>
    public int Add(int peer, long bytes, IEnumerable<int>? after = null)
    {
        Bytes += bytes;
        return _timeline.Add(_ports[Near(peer)], Seconds(peer, bytes), after);
    }

    bool Near(int peer) => _cluster.Devices[peer].Node == _cluster.Devices[_rank].Node;

    int Units(int peer) => Math.Max(1, (int)(_cluster.Port(_rank, peer) / _cluster.Bandwidth(_rank, peer)));

    double Seconds(int peer, long bytes)
    {
        var (latency, bandwidth) = (_cluster.Latency(_rank, peer), _cluster.Bandwidth(_rank, peer));
        if (_blocks == 0)
            return latency + (bytes / bandwidth);
        // Every block has messages under way, so their latencies overlap; together they move no more than they can.
        var share = (double)_blocks / Units(peer);
        var rate = _cluster.Devices[_rank].BlockBytesPerSecond is > 0 and var block ? Math.Min(bandwidth, block * share) : bandwidth;
        return (latency / Math.Max(1, share)) + (bytes / rate);
    }
}
