namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>What a device is to do for a layer.</summary>
/// <param name="Count">Tokens, N.</param>
/// <param name="Width">Numbers of a token, D.</param>
/// <param name="Picks">Most experts a token wants, K.</param>
/// <param name="Rows">[N, D]</param>
/// <param name="Places">[N, K]: the experts wanted, by their places on the device; -1 for none.</param>
/// <param name="Weights">[N, K]</param>
internal sealed record ExpertWork(int Count, int Width, int Picks, float[] Rows, long[] Places, float[] Weights);
