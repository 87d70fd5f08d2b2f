using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Simulation;

/// <summary>What a GPU has to do in one pass of a routed layer, counted in rows: a row is a token for one expert.</summary>
/// <param name="Rank">Number of the GPU.</param>
/// <param name="Rows">Rows of each of its experts by the GPU where the token lives [experts here][W].</param>
/// <param name="Received">
/// Rows that travel [experts here][W]; fewer than <paramref name="Rows"/> where a token that meets several experts here is sent once.
/// </param>
/// <param name="Returned">Rows that go back to each GPU [W].</param>
public sealed record RankRows(int Rank, IReadOnlyList<int[]> Rows, IReadOnlyList<int[]> Received, IReadOnlyList<int> Returned)
{
    /// <summary>W, the number of GPUs.</summary>
    public int Ranks => Returned.Count;

    /// <summary>Rows of each expert [experts here].</summary>
    public int[] ExpertRows => [.. Rows.Select(r => r.Sum())];

    /// <summary>Rows that come from other GPUs.</summary>
    public int RemoteReceived => Received.Sum(r => r.Sum() - r[Rank]);

    /// <summary>Rows that go to other GPUs.</summary>
    public int RemoteReturned => Returned.Sum() - Returned[Rank];

    /// <summary>Part <paramref name="part"/> of <paramref name="parts"/> as equal as whole rows allow.</summary>
    public RankRows Part(int part, int parts)
    {
        int[] Cut(IEnumerable<int> rows) => [.. rows.Select(n => (int)((long)n * (part + 1) / parts - (long)n * part / parts))];
        return new RankRows(Rank, [.. Rows.Select(Cut)], [.. Received.Select(Cut)], Cut(Returned));
    }

    /// <summary>Where each of <paramref name="tokens"/> tokens lives when every GPU has an equal shard of consecutive ones [tokens].</summary>
    /// <exception cref="UserError">The tokens do not divide by the GPUs.</exception>
    public static int[] EqualShards(int tokens, int ranks) => tokens % ranks == 0 ? [.. Enumerable.Range(0, tokens).Select(t => t / (tokens / ranks))]
        : throw new UserError($"{tokens} tokens cannot be cut into equal shards for {ranks} GPUs; take a multiple of {ranks}.");

    /// <summary>The rows of all GPUs for a batch of tokens; a token finds the copy of an expert as in serving (<see cref="TokenRoutes"/>), its number standing for a request's.</summary>
    /// <param name="layer">Which experts are where; with tensor parallelism a device of the plan is a group of that many GPUs, each with a slice of every expert of the group.</param>
    /// <param name="ids">Expert ids of the tokens [T, K]; -1 = no expert.</param>
    /// <param name="expertsPerToken">K.</param>
    /// <param name="homes">GPU where each token lives [T].</param>
    /// <param name="mergeCopies">Whether a token goes to a GPU once, however many of its experts are there, and comes back once, summed up; else once for each expert.</param>
    /// <param name="slices">GPUs of a group: the degree of tensor parallelism.</param>
    /// <param name="numbers">Numbers of the tokens, to choose among copies; null: their place in the batch.</param>
    /// <exception cref="UserError">The homes are not one of the GPUs for each token, or an expert is not in the plan.</exception>
    public static RankRows[] Of(PlacedLayer layer, ReadOnlySpan<int> ids, int expertsPerToken, IReadOnlyList<int> homes, bool mergeCopies, int slices = 1, IReadOnlyList<int>? numbers = null)
    {
        var (groups, ranks) = (layer.Devices.Count, layer.Devices.Count * slices);
        if (homes.Count * expertsPerToken != ids.Length)
            throw new UserError($"There are home GPUs for {homes.Count} tokens, but experts for {ids.Length / (double)expertsPerToken:0.##}; each token needs one home.");
        foreach (var home in homes)
        {
            if (home < 0 || home >= ranks)
                throw new UserError($"A token lives on GPU {home}; the GPUs are 0 to {ranks - 1}.");
        }
        var routes = new TokenRoutes(layer);
        var slot = layer.Devices.Select(experts => experts.Distinct().Select((expert, i) => (expert, i)).ToDictionary(e => e.expert, e => e.i)).ToArray();
        int[][][] Counts() => [.. slot.Select(experts => experts.Select(_ => new int[ranks]).ToArray())];
        var (rows, received, returned) = (Counts(), Counts(), slot.Select(_ => new int[ranks]).ToArray());
        var lastToken = new int[groups];
        Array.Fill(lastToken, -1);
        for (var t = 0; t < homes.Count; t++)
        {
            foreach (var expert in ids.Slice(t * expertsPerToken, expertsPerToken))
            {
                if (expert < 0)
                    continue;
                if (expert >= layer.Experts)
                    throw new UserError($"A token chooses expert {expert} of layer {layer.Layer}; the plan places experts 0 to {layer.Experts - 1}.");
                var group = routes.DeviceOf(expert, homes[t] / slices, TokenRoutes.TurnOf(numbers?[t] ?? t, groups));
                var (place, home) = (slot[group][expert], homes[t]);
                rows[group][place][home]++;
                if (mergeCopies && lastToken[group] == t)
                    continue;
                lastToken[group] = t;
                received[group][place][home]++;
                returned[group][home]++;
            }
        }
        return [.. Enumerable.Range(0, ranks).Select(r => new RankRows(r, rows[r / slices], received[r / slices], returned[r / slices]))];
    }
}
