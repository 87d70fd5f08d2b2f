namespace OnnxMoe.Serving.Generation;

/// <summary>A token and, when asked for, how likely the model (before temperature and penalties) found it.</summary>
/// <param name="Token">The token's id.</param>
/// <param name="LogProb">Natural logarithm of its probability; null when nobody asked, and for the first token of a prompt.</param>
/// <param name="Top">The most likely tokens at its place, best first.</param>
public sealed record TokenScore(int Token, double? LogProb, IReadOnlyList<(int Token, double LogProb)> Top);
