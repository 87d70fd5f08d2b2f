namespace OnnxMoe.Placement.Sharding;

/// <summary>Seconds of one layer in one iteration, forward and backward; the parts follow each other.</summary>
/// <param name="Attention">What is not experts; the backward takes twice the forward.</param>
/// <param name="Experts">Experts of the slowest device; the backward takes twice the forward.</param>
/// <param name="AllToAll">Dispatch and combine, forward and backward.</param>
/// <param name="Gather">Of the sparse all-gathers what attention does not hide.</param>
/// <param name="Reduce">Of the sparse reduce-scatter what the attention's backward does not hide.</param>
/// <param name="Late">Copies made after the gate, when nothing hides them.</param>
public readonly record struct LayerTime(double Attention, double Experts, double AllToAll, double Gather, double Reduce, double Late)
{
    /// <summary>Their sum.</summary>
    public double Seconds => Attention + Experts + AllToAll + Gather + Reduce + Late;

    /// <summary>Time of sparse collectives that nothing hides.</summary>
    public double Exposed => Gather + Reduce + Late;

    /// <summary>Most tokens of a device over the mean of all.</summary>
    public double Straggler { get; init; }

    /// <summary>Bytes of weights and gradients from device to device.</summary>
    public double CollectiveBytes { get; init; }

    /// <summary>Bytes of tokens from device to device.</summary>
    public double TokenBytes { get; init; }

    /// <summary>Time of the sparse collectives, hidden or not.</summary>
    public double CollectiveSeconds { get; init; }
}
