namespace OnnxMoe.Serving.Experts;

/// <summary>An entry that waits.</summary>
/// <param name="Entry">What waits.</param>
/// <param name="Age">Batches that were formed without it since it came.</param>
public sealed record QueuedEntry(GatedEntry Entry, int Age);
