using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// Copies that are made when the gate has spoken: what they save is known then, but training waits for them. The heaviest experts come
/// first, and as many of them are copied as pay.
/// </summary>
public static class LateCopies
{
    /// <summary>More than so many experts are not tried.</summary>
    const int Most = 8;

    /// <summary>The cheapest of: no further copies, those of the first candidate, of the first two, ...</summary>
    /// <param name="owned">Each expert on its owner.</param>
    /// <param name="planned">With the copies that are there already.</param>
    /// <param name="candidates">Further copies, for one expert after the other.</param>
    /// <param name="counts">Tokens of each expert in this iteration [E].</param>
    /// <param name="costs">What the layer costs.</param>
    /// <param name="rematerialized">Whether copies are made again for the backward.</param>
    public static PlacedLayer Choose(PlacedLayer owned, PlacedLayer planned, IEnumerable<IReadOnlyList<(int Device, int Expert)>> candidates,
        IReadOnlyList<double> counts, TrainingCosts costs, bool rematerialized)
    {
        var (best, least) = (planned, costs.Time(owned, planned, planned, counts, rematerialized).Seconds);
        var placed = planned;
        foreach (var copies in candidates.Take(Most))
        {
            placed = ExpertShards.With(placed, copies);
            if (costs.Time(owned, planned, placed, counts, rematerialized).Seconds is var seconds && seconds < least)
                (best, least) = (placed, seconds);
            else if (!ReferenceEquals(best, planned))
                break;
        }
        return best;
    }
}
