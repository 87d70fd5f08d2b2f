namespace OnnxMoe.Trainer.Darts;

/// <summary>A node whose inputs were decided.</summary>
/// <param name="Node">Which one.</param>
/// <param name="Edges">Its edges that were not none.</param>
/// <param name="Scores">Of each of them: what was measured without it.</param>
/// <param name="Kept">The edges that stay.</param>
public sealed record InputDecision(int Node, IReadOnlyList<int> Edges, IReadOnlyList<double> Scores, IReadOnlyList<int> Kept);
