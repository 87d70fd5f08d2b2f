using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>What a router's losses look at.</summary>
/// <param name="Logits">[T, N]: the scores, N counting the experts of all kinds.</param>
/// <param name="Probabilities">[T, N]: what was selected by.</param>
/// <param name="Picks">[T, K] int64: the selected experts, -1 for none.</param>
public sealed record RouterDecision(Value Logits, Value Probabilities, Value Picks);
