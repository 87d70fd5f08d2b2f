using OnnxMoe.Serving.Experts;

namespace OnnxMoe.Serving.Observability;

/// <summary>Counts how often a cache of some size would hold the experts that are needed, from the traffic as it is. It moves no weights.</summary>
/// <param name="cache">The cache.</param>
/// <param name="metrics">Where the counts go.</param>
public sealed class ExpertCacheMeter(ExpertCache cache, EngineMetrics metrics)
{
    /// <summary>A pre-gated batch uses its experts, each one slot for all layers.</summary>
    /// <param name="upcoming">What is known to follow.</param>
    public void Use(IReadOnlyList<GatedEntry> batch, IReadOnlyList<IReadOnlyList<GatedEntry>> upcoming)
    {
        PreGatedSimulation.Use([cache], batch, upcoming);
        metrics.CountExpertCache(cache);
    }

    /// <summary>A layer uses its experts, each one slot; nothing is known of what follows.</summary>
    /// <param name="layer">Number of the layer among those with experts, below <paramref name="layers"/>.</param>
    public void Use(int layer, int layers, ReadOnlySpan<long> experts)
    {
        foreach (var expert in experts.ToArray().Where(expert => expert >= 0).Distinct())
            cache.Use((int)expert * layers + layer, []);
        metrics.CountExpertCache(cache);
    }
}
