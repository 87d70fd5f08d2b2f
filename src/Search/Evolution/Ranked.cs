using OnnxMoe.Search.Fronts;

namespace OnnxMoe.Search.Evolution;

/// <summary>A member of a population.</summary>
/// <param name="Member">Architecture and objectives.</param>
/// <param name="Rank">Number of its front.</param>
/// <param name="Worth">What decides within the front: the larger, the better.</param>
/// <param name="Niche">The reference direction it belongs to; -1 where there are none.</param>
internal sealed record Ranked(Measured Member, int Rank, double Worth, int Niche = -1);
