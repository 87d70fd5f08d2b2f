using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// How long transfers take that all start at once: as long as the busiest port. A device has a port for its node and one for the network,
/// each of which sends and receives at the same time; where the GPUs of a node share their network, the node has one for all of
/// them. The latency of the slowest link used is added once, as transfers are cut into pieces that follow each other.
/// </summary>
/// <param name="cluster">The devices and their links.</param>
public sealed class TransferClock(Cluster cluster)
{
    readonly double[,] _ports = new double[4, cluster.Devices.Count];
    readonly double[,] _nodes = new double[2, cluster.Nodes];
    double _latency;

    /// <summary>Bytes that changed their device.</summary>
    public double Bytes { get; private set; }

    /// <summary>Bytes that changed their node.</summary>
    public double NetworkBytes { get; private set; }

    /// <summary>The time of all transfers added so far.</summary>
    public double Seconds
    {
        get
        {
            var busiest = 0.0;
            foreach (var port in _ports)
                busiest = Math.Max(busiest, port);
            foreach (var port in _nodes)
                busiest = Math.Max(busiest, port);
            return busiest + _latency;
        }
    }

    /// <summary>Adds a transfer; one from a device to itself takes no time.</summary>
    public TransferClock Add(int from, int to, double bytes)
    {
        if (from == to || bytes <= 0)
            return this;
        var (source, target) = (cluster.Devices[from].Node, cluster.Devices[to].Node);
        var seconds = bytes / cluster.Bandwidth(from, to);
        var network = source == target ? 0 : 2;
        _ports[network, from] += seconds;
        _ports[network + 1, to] += seconds;
        if (source != target)
        {
            _nodes[0, source] += bytes / cluster.NodeBandwidth;
            _nodes[1, target] += bytes / cluster.NodeBandwidth;
            NetworkBytes += bytes;
        }
        Bytes += bytes;
        _latency = Math.Max(_latency, cluster.Latency(from, to));
        return this;
    }

    /// <summary>Adds transfers of equal size.</summary>
    public TransferClock Add(IEnumerable<Transfer> transfers, double bytes)
    {
        foreach (var (_, from, to) in transfers)
            Add(from, to, bytes);
        return this;
    }
}
