using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>What a <see cref="PatchRouter"/> decides for B sequences of S tokens, from the tokens' side and from the experts'.</summary>
/// <param name="Tokens">The routing of the B * S tokens.</param>
/// <param name="Gate">[B * S, 1]: what a token's merged output is multiplied by; null: nothing.</param>
/// <param name="Experts">[B, N', C]: the expert that runs in each place: all N of them, or the k that run for the sequence.</param>
/// <param name="Rows">[B, N', C] int64: the tokens that it runs on, ascending within the sequence, counted through the batch (0 to B * S - 1).</param>
/// <param name="Taken">[B, N', C] bool: false for a token that only fills the place.</param>
public sealed record PatchRouting(Routing Tokens, Value? Gate, Value Experts, Value Rows, Value Taken);
