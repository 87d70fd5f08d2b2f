namespace OnnxMoe.Serving.Generation;

/// <summary>Limits of a <see cref="Scheduler"/>.</summary>
/// <param name="Slots">Sequences generated at the same time.</param>
/// <param name="QueueLimit">Sequences that may wait for a slot.</param>
public sealed record SchedulerOptions(int Slots, int QueueLimit);
