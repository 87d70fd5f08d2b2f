using OnnxMoe.Search.Fronts;

namespace OnnxMoe.Search.Evolution;

/// <summary>By front, and within one by how lonely a point is (Deb et al. 2002, NSGA-II). With one objective it is a genetic algorithm that keeps the best.</summary>
internal sealed class CrowdingSelection(Random random) : Selection(random)
{
    protected override IEnumerable<Ranked> Fill(IReadOnlyList<Ranked> survivors, IReadOnlyList<Measured> front, int rank, int room)
    {
        var crowding = Domination.Crowding([.. front.Select(member => member.Objectives)]);
        return front.Select((member, i) => new Ranked(member, rank, crowding[i])).OrderByDescending(ranked => ranked.Worth).Take(room);
    }

    protected override Ranked SameRank(Ranked a, Ranked b) => a.Worth == b.Worth ? (Random.Next(2) == 0 ? a : b) : a.Worth > b.Worth ? a : b;
}
