namespace OnnxMoe.Placement.Clusters;

/// <summary>A machine of a cluster, as described in the file.</summary>
/// <param name="Gpus">How many GPUs it has.</param>
/// <param name="MemoryGiB">Memory for weights of each GPU, in GiB; 0 when unknown (nothing is checked).</param>
public sealed record ClusterNode(int Gpus, double MemoryGiB = 0)
{
    /// <summary>Name in plans and reports; empty for "node0", "node1", ...</summary>
    public string Name { get; init; } = "";

    /// <summary>Sustained speed of one GPU on expert layers, in 10^12 operations a second; 0 when unknown.</summary>
    public double Teraflops { get; init; }
}
