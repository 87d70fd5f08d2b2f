using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>
/// The T*K picks of a routing in the order of their experts, by one counting sort on the host: picks of one expert are
/// neighbours, in the order of their tokens, and picks of no expert (-1) are left out.
/// </summary>
internal sealed class ExpertPicks
{
    private ExpertPicks(long[] counts, long[] picks, long[] tokens) => (Counts, Picks, Tokens) = (counts, picks, tokens);

    /// <summary>[E]: how many picks each expert has.</summary>
    public long[] Counts { get; }

    /// <summary>Positions t*K+k, sorted by expert.</summary>
    public long[] Picks { get; }

    /// <summary>The token t of each of <see cref="Picks"/>.</summary>
    public long[] Tokens { get; }

    public static ExpertPicks Sort(OpCall call, TorchValue indices, long experts)
    {
        var chosen = indices.Integers;
        var slots = indices.Shape[1];
        var counts = new long[experts];
        foreach (var expert in chosen)
        {
            if (expert < -1 || expert >= experts)
                throw new Artifacts.UserError($"{call.Op}: expert index {expert} is outside of -1..{experts - 1}.");
            if (expert >= 0)
                counts[expert]++;
        }
        var next = new long[experts];
        for (var e = 1; e < experts; e++)
            next[e] = next[e - 1] + counts[e - 1];
        var picks = new long[counts.Sum()];
        var tokens = new long[picks.Length];
        for (var pick = 0; pick < chosen.Length; pick++)
        {
            if (chosen[pick] < 0)
                continue;
            var place = next[chosen[pick]]++;
            (picks[place], tokens[place]) = (pick, pick / slots);
        }
        return new ExpertPicks(counts, picks, tokens);
    }

    /// <summary>Runs each expert that has picks on its rows of <paramref name="rows"/> [P, ...] and joins the results.</summary>
    public Tensor ForEach(Tensor rows, Func<int, Tensor, Tensor> expert)
    {
        var parts = rows.split(Counts, 0);
        var results = new List<Tensor>(parts.Length);
        for (var e = 0; e < parts.Length; e++)
        {
            if (Counts[e] > 0)
                results.Add(expert(e, parts[e]));
        }
        return results.Count == 1 ? results[0] : cat(results, 0);
    }
}
