using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Trainer.Layers;

/// <summary>The token whose cost is asked for.</summary>
/// <param name="Attended">How many tokens it attends to, itself among them: p + 1 at position p; (S + 1) / 2 in the mean over a sequence of S.</param>
public sealed record CostContext(double Attended)
{
    /// <summary>Mean number of experts that a token activates in each routed layer (and iteration), as measured; null takes each router's upper bound.</summary>
    public IReadOnlyDictionary<RoutingSite, double>? ActiveExperts { get; init; }
}
