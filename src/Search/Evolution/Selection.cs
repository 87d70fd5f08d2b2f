using OnnxMoe.Search.Fronts;

namespace OnnxMoe.Search.Evolution;

/// <summary>Who survives a generation, and who of two may have children.</summary>
internal abstract class Selection(Random random)
{
    protected Random Random { get; } = random;

    /// <summary>The <paramref name="count"/> best, each with how good it is: lower ranks first, then higher worth.</summary>
    public IReadOnlyList<Ranked> Survivors(IReadOnlyList<Measured> all, int count)
    {
        var survivors = new List<Ranked>();
        var fronts = Domination.Fronts([.. all.Select(member => member.Objectives)]);
        for (var rank = 0; rank < fronts.Count && survivors.Count < count; rank++)
        {
            Measured[] front = [.. fronts[rank].Select(i => all[i])];
            survivors.AddRange(Fill(survivors, front, rank, count - survivors.Count));
        }
        return survivors;
    }

    /// <summary>The better of two.</summary>
    public Ranked Winner(Ranked a, Ranked b) => a.Rank != b.Rank ? (a.Rank < b.Rank ? a : b) : SameRank(a, b);

    /// <summary>All of a front where there is room, or those of it that are worth the most.</summary>
    /// <param name="survivors">Those of the fronts before.</param>
    /// <param name="front">The front.</param>
    /// <param name="rank">Its number.</param>
    /// <param name="room">How many may still survive.</param>
    protected abstract IEnumerable<Ranked> Fill(IReadOnlyList<Ranked> survivors, IReadOnlyList<Measured> front, int rank, int room);

    protected abstract Ranked SameRank(Ranked a, Ranked b);
}
