namespace OnnxMoe.Placement.Clusters;

/// <summary>A kind of connection between two GPUs.</summary>
/// <param name="GigabytesPerSecond">Bandwidth of a pair in one direction, in 10^9 bytes a second.</param>
/// <param name="Microseconds">Latency of a transfer.</param>
public sealed record ClusterLink(double GigabytesPerSecond, double Microseconds = 0)
{
    /// <summary>
    /// What a GPU can exchange with all others over connections of this kind together, in one direction, in 10^9 bytes a second; 0: as much as
    /// a pair, as behind a switch or with one network card.
    /// </summary>
    public double PortGigabytesPerSecond { get; init; }
}
