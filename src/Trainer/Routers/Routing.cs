using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>What a router decides for T tokens.</summary>
/// <param name="Indices">[T, K] int64: the chosen experts, -1 for none.</param>
/// <param name="Weights">[T, K]: combine weights.</param>
public sealed record Routing(Value Indices, Value Weights)
{
    /// <summary>[T, E]: how probable each expert was to the router; null where a router has no such thing.</summary>
    public Value? Probabilities { get; init; }
}
