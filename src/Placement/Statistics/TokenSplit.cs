using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Placement.Statistics;

/// <summary>
/// Divides the tokens of a trace into blocks of consecutive ones, even blocks to fit a plan, odd blocks to test it: a plan that
/// is only good on the tokens it was made from is worth nothing, and neighbouring tokens are too alike to split one by one.
/// </summary>
public static class TokenSplit
{
    /// <summary>Numbers of the tokens of one phase; null takes all.</summary>
    public static int[] OfPhase(RoutingTrace trace, RoutingPhase? phase)
    {
        var tokens = new List<int>(trace.Tokens);
        for (var t = 0; t < trace.Tokens; t++)
        {
            if (phase is null || trace.Phases[t] == phase)
                tokens.Add(t);
        }
        return [.. tokens];
    }

    /// <summary>Even and odd blocks; with <paramref name="seed"/>, a random half of the blocks and the rest.</summary>
    public static (int[] Fit, int[] Test) Blocks(IReadOnlyList<int> tokens, int blockTokens, int? seed = null)
    {
        var blocks = tokens.Chunk(blockTokens).ToList();
        var order = Enumerable.Range(0, blocks.Count).ToArray();
        if (seed is { } s)
            new Random(s).Shuffle(order);
        int[] Pick(int parity) => [.. order.Where((_, i) => i % 2 == parity).Order().SelectMany(b => blocks[b])];
        // A trace of one block has nothing to hold out: it then is both parts.
        return blocks.Count < 2 ? (Pick(0), Pick(0)) : (Pick(0), Pick(1));
    }
}
