namespace OnnxMoe.Placement.Collectives;

/// <summary>What a collective costs: time, and what it puts on the links, over all ranks of the group.</summary>
/// <param name="Seconds">Until the last rank is done: the busiest port of each step, summed over the steps.</param>
/// <param name="Messages">Messages sent.</param>
/// <param name="BytesWithin">Bytes between GPUs of one node.</param>
/// <param name="BytesBetween">Bytes between nodes.</param>
public readonly record struct CollectiveEstimate(double Seconds, double Messages, double BytesWithin, double BytesBetween)
{
    /// <summary>Nothing moves.</summary>
    public static CollectiveEstimate None { get; } = default;

    /// <summary>All bytes sent.</summary>
    public double Bytes => BytesWithin + BytesBetween;

    /// <summary>One after the other.</summary>
    public static CollectiveEstimate operator +(CollectiveEstimate a, CollectiveEstimate b) =>
        new(a.Seconds + b.Seconds, a.Messages + b.Messages, a.BytesWithin + b.BytesWithin, a.BytesBetween + b.BytesBetween);

    /// <summary>So many times in turn.</summary>
    public static CollectiveEstimate operator *(double times, CollectiveEstimate a) =>
        new(times * a.Seconds, times * a.Messages, times * a.BytesWithin, times * a.BytesBetween);

    /// <summary>At the same time by so many groups that share no port: the time stays, the traffic adds up.</summary>
    public CollectiveEstimate InGroups(double groups) => this with { Messages = groups * Messages, BytesWithin = groups * BytesWithin, BytesBetween = groups * BytesBetween };
}
