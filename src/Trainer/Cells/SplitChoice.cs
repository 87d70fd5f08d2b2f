namespace OnnxMoe.Trainer.Cells;

/// <summary>How a sub-supernet is split.</summary>
/// <param name="Edge">The edge whose operations part.</param>
/// <param name="GroupOf">The group of each operation.</param>
/// <param name="Distances">Of each edge the distances of its operations [n, n]; null for one that was not looked at.</param>
public sealed record SplitChoice(int Edge, int[] GroupOf, IReadOnlyList<double[,]?> Distances);
