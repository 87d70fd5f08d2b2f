namespace OnnxMoe.Placement.Clusters;

/// <summary>One GPU.</summary>
/// <param name="Node">Number of its node.</param>
/// <param name="NodeName">Name of its node.</param>
/// <param name="MemoryBytes">Memory for weights; 0 = unknown.</param>
/// <param name="Flops">Operations a second; 0 = unknown.</param>
public sealed record Device(int Node, string NodeName, long MemoryBytes, double Flops)
{
    /// <summary>Blocks that compute at once; 0 = unknown.</summary>
    public int Blocks { get; init; }

    /// <summary>Bytes a second from its memory; 0 = unknown.</summary>
    public double MemoryBytesPerSecond { get; init; }

    /// <summary>Bytes a second that one block can move over links; 0 = no limit.</summary>
    public double BlockBytesPerSecond { get; init; }
}
