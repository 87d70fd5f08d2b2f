using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Fronts;

/// <summary>An architecture and what was found of it.</summary>
/// <param name="Architecture">The architecture.</param>
/// <param name="Objectives">All minimized: what is to be large enters as its negative.</param>
public sealed record Measured(Architecture Architecture, double[] Objectives);
