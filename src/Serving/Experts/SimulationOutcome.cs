namespace OnnxMoe.Serving.Experts;

/// <summary>What a simulation found.</summary>
/// <param name="Batches">The batches in order.</param>
/// <param name="Latencies">For each request the batches from its arrival to its last token, that one included.</param>
/// <param name="Caches">The outcome of each cache.</param>
public sealed record SimulationOutcome(IReadOnlyList<IReadOnlyList<GatedEntry>> Batches, IReadOnlyList<int> Latencies, IReadOnlyList<CacheOutcome> Caches)
{
    /// <summary>Different experts of a batch, on average.</summary>
    public double UniqueExperts => Batches.Count == 0 ? 0 : Batches.Average(batch => PreGatedSimulation.ExpertsOf(batch).Count());
}
