namespace OnnxMoe.Placement.Collectives;

/// <summary>A message of a <see cref="CollectiveSchedule"/>.</summary>
/// <param name="From">Sending rank.</param>
/// <param name="To">Receiving rank.</param>
/// <param name="Chunks">What it carries.</param>
public sealed record Message(int From, int To, IReadOnlyList<Chunk> Chunks);
