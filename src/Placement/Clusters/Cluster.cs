using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Clusters;

/// <summary>A checked cluster: GPUs numbered through all nodes, with memory, speed and the bandwidth of each pair.</summary>
public sealed class Cluster
{
    readonly double[,] _bytesPerSecond;
    readonly double[,] _latency;
    readonly double[,] _port;
    double? _fastest;

    /// <param name="description">The description; a mistake in it is a <see cref="UserError"/> that begins with <paramref name="where"/>.</param>
    /// <param name="where">Name of the file.</param>
    public Cluster(ClusterDescription description, string where)
    {
        ClusterCheck.Passed(description, where);
        Name = description.Name;
        Devices = [.. description.Machines.SelectMany((node, n) => Enumerable.Range(0, node.Gpus).Select(_ => new Device(
            n, node.Name == "" ? $"node{n}" : node.Name, (long)((node.MemoryGiB - node.ReservedGiB) * (1L << 30)), node.Teraflops * 1e12)
        {
            Blocks = node.Blocks,
            MemoryBytesPerSecond = node.MemoryGigabytesPerSecond * 1e9,
            BlockBytesPerSecond = node.BlockGigabytesPerSecond * 1e9,
        }))];
        Nodes = description.Machines.Count();
        NodeBandwidth = description.NodeGigabytesPerSecond == 0 ? double.PositiveInfinity : description.NodeGigabytesPerSecond * 1e9;
        (_bytesPerSecond, _latency, _port) = (new double[Devices.Count, Devices.Count], new double[Devices.Count, Devices.Count], new double[Devices.Count, Devices.Count]);
        for (var from = 0; from < Devices.Count; from++)
        {
            for (var to = 0; to < Devices.Count; to++)
            {
                var link = Devices[from].Node == Devices[to].Node ? description.WithinNode : description.BetweenNodes!;
                _bytesPerSecond[from, to] = (description.Bandwidth?[from][to] ?? link.GigabytesPerSecond) * 1e9;
                _latency[from, to] = link.Microseconds * 1e-6;
                _port[from, to] = Math.Max(link.PortGigabytesPerSecond * 1e9, _bytesPerSecond[from, to]);
            }
        }
    }

    /// <summary>Name of the cluster.</summary>
    public string Name { get; }

    /// <summary>The GPUs; a plan's device numbers are places in this list.</summary>
    public IReadOnlyList<Device> Devices { get; }

    /// <summary>Number of nodes.</summary>
    public int Nodes { get; }

    /// <summary>Whether all GPUs have as much memory for weights.</summary>
    public bool HasEqualMemory => Devices.All(d => d.MemoryBytes == Devices[0].MemoryBytes);

    /// <summary>Speed of each GPU relative to their mean [G]; 1 each where the description does not say all speeds.</summary>
    public double[] Speeds => Devices.Any(d => d.Flops == 0) || Devices.All(d => d.Flops == Devices[0].Flops)
        ? [.. Devices.Select(_ => 1.0)] : [.. Devices.Select(d => d.Flops / Devices.Average(x => x.Flops))];

    /// <summary>Bytes a second that all GPUs of a node together send to other nodes, and as many that they receive; infinite where each has a port of its own.</summary>
    public double NodeBandwidth { get; }

    /// <summary>Bytes a second from one GPU to another one.</summary>
    public double Bandwidth(int from, int to) => _bytesPerSecond[from, to];

    /// <summary>Seconds until the first byte arrives.</summary>
    public double Latency(int from, int to) => _latency[from, to];

    /// <summary>Bytes a second that a GPU can exchange, in one direction, with all those it has the same kind of connection to; at least the pair's own.</summary>
    public double Port(int from, int to) => _port[from, to];

    /// <summary>Highest bandwidth of any pair of different GPUs, in bytes a second.</summary>
    public double FastestBandwidth => _fastest ??= Pairs().Select(p => Bandwidth(p.From, p.To)).DefaultIfEmpty(1).Max();

    /// <summary>All ordered pairs of different GPUs.</summary>
    public IEnumerable<(int From, int To)> Pairs() =>
        from a in Enumerable.Range(0, Devices.Count) from b in Enumerable.Range(0, Devices.Count) where a != b select (a, b);

    /// <summary>The name of so many nodes of a description that has one kind of them.</summary>
    internal static string NameOf(ClusterDescription description, int nodes) => $"{nodes} x {description.Name}";

    /// <summary>Reads and checks a description file.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="nodes">How many machines there are, of a description of one kind; 0: as it says.</param>
    /// <exception cref="UserError">It is missing or wrong.</exception>
    public static Cluster Load(string path, int nodes = 0)
    {
        if (path == "")
            throw new UserError("Which cluster? Give its description with --cluster FILE, or the name of one in models/clusters.");
        return Of(JsonFile.Load<ClusterDescription>(path), nodes, path);
    }

    /// <summary>Checks a description.</summary>
    /// <param name="description">It.</param>
    /// <param name="nodes">How many machines there are, of a description of one kind; 0: as it says.</param>
    /// <param name="where">Its name in errors.</param>
    /// <exception cref="UserError">It is wrong.</exception>
    public static Cluster Of(ClusterDescription description, int nodes, string where)
    {
        if (nodes > 0 && description.Nodes.Count != 1)
            throw new UserError($"{where} describes {description.Nodes.Count} kinds of nodes, so --nodes {nodes} does not say how many of which there are; write \"count\" into the description.");
        return new Cluster(nodes == 0 ? description : description with { Name = NameOf(description, nodes), Nodes = [description.Nodes[0] with { Count = nodes }] }, where);
    }
}
