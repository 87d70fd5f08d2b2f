using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Programs;

/// <summary>Clusters assigned to GPUs.</summary>
/// <param name="GpuOf">GPU of each cluster [L][G].</param>
/// <param name="Slack">By how many experts the worst GPU misses the memory equation.</param>
/// <param name="Solve">How good it is.</param>
public sealed record Assignment(int[][] GpuOf, long Slack, SolveRecord Solve);
