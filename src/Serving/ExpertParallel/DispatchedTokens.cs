namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>What became of a run's tokens at a routed layer.</summary>
/// <param name="Values">The weighted sums over their experts [T, D].</param>
/// <param name="Met">By device: how many of them met experts there, those left out that were computed before.</param>
internal sealed record DispatchedTokens(float[] Values, int[] Met);
