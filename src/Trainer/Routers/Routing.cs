using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>What a router decides for T tokens.</summary>
/// <param name="Indices">[T, K] int64: the chosen experts of the bank, -1 for none.</param>
/// <param name="Weights">[T, K]: combine weights.</param>
public sealed record Routing(Value Indices, Value Weights)
{
    /// <summary>[T, N]: what was selected by, for those who study routers; null where a router has no probabilities.</summary>
    public Value? Probabilities { get; init; }

    /// <summary>The picks among experts of all kinds, where there are others than stored ones; null where there are not.</summary>
    public RawPicks? Picks { get; init; }
}
