namespace OnnxMoe.Placement.Explanations;

/// <summary>An expert of a neighbouring choice that shares tokens with the one that is explained.</summary>
/// <param name="Layer">Number of its layer.</param>
/// <param name="Expert">The expert.</param>
/// <param name="Gpus">Where it is.</param>
/// <param name="Tokens">Tokens that meet both.</param>
public sealed record Companion(int Layer, int Expert, IReadOnlyList<int> Gpus, long Tokens);
