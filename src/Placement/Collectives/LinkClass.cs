namespace OnnxMoe.Placement.Collectives;

/// <summary>One of the two kinds of connection in the alpha-beta form: a message of b bytes takes alpha + b / bandwidth.</summary>
/// <param name="Latency">Alpha: seconds of a message without bytes.</param>
/// <param name="BytesPerSecond">Bandwidth of a GPU's port, in one direction.</param>
public readonly record struct LinkClass(double Latency, double BytesPerSecond)
{
    /// <summary>Seconds of a message.</summary>
    public double Seconds(double bytes) => Latency + bytes / BytesPerSecond;
}
