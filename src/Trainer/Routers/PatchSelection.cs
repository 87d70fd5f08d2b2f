using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Which patches each expert takes, for B sequences of M patches and N experts.</summary>
/// <param name="Patches">[B, N, C] int64: patch numbers, ascending. Every expert has C, whether it takes them or not, so that shapes do not depend on the data.</param>
/// <param name="Taken">[B, N, C] bool: false for a patch that only fills the place.</param>
/// <param name="Picks">[B, M, K] int64: the same from the patch's side: the experts that it prefers, -1 for one that did not take it.</param>
/// <param name="Kept">[B, M, K]: the probabilities of those that took it, 0 for the others.</param>
public sealed record PatchSelection(Value Patches, Value Taken, Value Picks, Value Kept);
