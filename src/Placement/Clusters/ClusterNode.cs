namespace OnnxMoe.Placement.Clusters;

/// <summary>A machine of a cluster, or several equal ones, as described in the file.</summary>
/// <param name="Gpus">How many GPUs it has.</param>
/// <param name="MemoryGiB">Memory of each GPU, in GiB; 0 when unknown (nothing is checked).</param>
public sealed record ClusterNode(int Gpus, double MemoryGiB = 0)
{
    /// <summary>Name in plans and reports; empty for "node0", "node1", ... Equal machines get a number behind it.</summary>
    public string Name { get; init; } = "";

    /// <summary>How many machines of this kind there are, one after the other.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Memory of each GPU that weights may not have: KV cache, activations, the runtime; in GiB.</summary>
    public double ReservedGiB { get; init; }

    /// <summary>Speed of one GPU on expert layers, in 10^12 operations a second; 0 when unknown. What a data sheet says is a peak that no kernel reaches.</summary>
    public double Teraflops { get; init; }

    /// <summary>Blocks of a GPU that compute at once: its streaming multiprocessors or compute units; 0 when unknown.</summary>
    public int Blocks { get; init; }

    /// <summary>Bandwidth of a GPU's memory in 10^9 bytes a second; 0 when unknown (reading weights then costs nothing).</summary>
    public double MemoryGigabytesPerSecond { get; init; }

    /// <summary>What one block can move over the GPU's links, in 10^9 bytes a second, when blocks and not copy engines communicate; 0 when unknown (no limit).</summary>
    public double BlockGigabytesPerSecond { get; init; }
}
