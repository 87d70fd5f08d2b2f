namespace OnnxMoe.Serving.Experts;

/// <summary>How one cache did in a simulation.</summary>
/// <param name="Policy">Name of its policy.</param>
/// <param name="Capacity">Its slots.</param>
/// <param name="Hits">Experts of batches that were there.</param>
/// <param name="Misses">Experts of batches that had to come.</param>
/// <param name="OnDemandSeconds">Time of all steps when experts come on demand.</param>
/// <param name="PrefetchSeconds">Time of all steps when a layer's experts come while the layer before is computed.</param>
public sealed record CacheOutcome(string Policy, int Capacity, long Hits, long Misses, double OnDemandSeconds, double PrefetchSeconds)
{
    /// <summary>Hits among all uses, 0 to 1.</summary>
    public double HitRate => Hits + Misses == 0 ? 0 : (double)Hits / (Hits + Misses);
}
