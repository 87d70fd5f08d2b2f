namespace OnnxMoe.Placement.Statistics;

/// <summary>Two choices of experts that follow each other: in neighbouring layers, or in neighbouring iterations of one layer.</summary>
/// <param name="From">Index of the layer of the first choice.</param>
/// <param name="To">Index of the layer of the second; the same within a layer.</param>
/// <param name="Tokens">Tokens of each pair of experts [E of From, E of To]; a token counts for each of its pairs.</param>
public sealed record RoutingStep(int From, int To, long[,] Tokens);
