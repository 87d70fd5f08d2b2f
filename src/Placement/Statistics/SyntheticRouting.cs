using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Placement.Statistics;

/// <summary>
/// Draws a routing trace of a model of any size, for planning before there is a model, and to try the planner at sizes of which no
/// trace is published. Each request has a topic; an expert's score is its popularity, that of its group, its liking of the topic
/// and noise; decode shifts the popularity a little. The spread is chosen so that 58 layers of 256 experts, 8 a token, show what is
/// published of DeepSeek-V3: the hottest expert has 5 to 11 times the mean of its layer, contiguous placement 2.0 to 2.9 times the
/// mean load on 8 to 32 GPUs. Everything it says is synthetic.
/// </summary>
public static class SyntheticRouting
{
    const int Topics = 24;
    const int RequestTokens = 64;

    /// <summary>Spread (standard deviation) of each part of a score.</summary>
    const double ExpertSpread = 0.75, GroupSpread = 0.55, TopicSpread = 0.65, DecodeSpread = 0.25;

    /// <summary>Reads a shape: layers x experts x experts a token, as in 58x256x8.</summary>
    /// <exception cref="UserError">Another text.</exception>
    public static (int Layers, int Experts, int Picks) Shape(string text)
    {
        var numbers = text.Split('x').Select(part => int.TryParse(part, out var number) ? number : 0).ToArray();
        return numbers is [> 0 and var layers, > 1 and var experts, > 0 and var picks] && picks <= experts ? (layers, experts, picks)
            : throw new UserError($"Place:Synthetic is '{text}', but it must be layers x experts x experts a token, such as 58x256x8, with no more experts a token than there are.");
    }

    /// <summary>A trace of <paramref name="tokens"/> tokens, half of each request prefill and half decode.</summary>
    public static RoutingTrace Draw((int Layers, int Experts, int Picks) shape, int tokens, int seed)
    {
        var (layers, experts, picks) = shape;
        var random = new Random(seed);
        var groups = Enumerable.Range(1, 8).Last(g => experts % g == 0);
        var popularity = Enumerable.Range(0, layers).Select(_ => Popularity(random, experts, groups)).ToArray();
        var decode = Enumerable.Range(0, layers).Select(_ => Normals(random, experts, DecodeSpread)).ToArray();
        var topics = Enumerable.Range(0, layers * Topics).Select(_ => Normals(random, experts, TopicSpread)).ToArray();
        var frames = new List<RoutingTraceFrame>();
        for (var (request, drawn) = (0L, 0); drawn < tokens; request++)
        {
            var topic = random.Next(Topics);
            for (var part = 0; part < 2 && drawn < tokens; part++)
            {
                var count = Math.Min(RequestTokens / 2, tokens - drawn);
                var ids = Enumerable.Range(0, layers).Select(l => Picked(random, count, picks,
                    [.. popularity[l].Select((p, e) => p + topics[l * Topics + topic][e] + (part == 0 ? 0 : decode[l][e]))])).ToArray();
                frames.Add(new RoutingTraceFrame(request, part == 0 ? RoutingPhase.Prefill : RoutingPhase.Decode, count,
                    [.. ids.Select(i => (ReadOnlyMemory<int>)i)], [.. ids.Select(_ => ReadOnlyMemory<float>.Empty)]));
                drawn += count;
            }
        }
        var header = new RoutingTraceHeader([.. Enumerable.Range(0, layers).Select(l => new TracedLayer(l, experts, picks))], $"synthetic {layers}x{experts}x{picks}", HasWeights: false);
        return new RoutingTrace(header, frames);
    }

    static double[] Popularity(Random random, int experts, int groups)
    {
        var (own, group) = (Normals(random, experts, ExpertSpread), Normals(random, groups, GroupSpread));
        return [.. own.Select((p, e) => p + group[e * groups / experts])];
    }

    /// <summary>The experts of each token: those with the highest sums of score and Gumbel noise, which is drawing without replacement.</summary>
    static int[] Picked(Random random, int tokens, int picks, double[] score)
    {
        var ids = new int[tokens * picks];
        var best = new PriorityQueue<int, double>(picks + 1);
        for (var t = 0; t < tokens; t++)
        {
            for (var e = 0; e < score.Length; e++)
            {
                best.Enqueue(e, score[e] - Math.Log(-Math.Log(1 - random.NextDouble())));
                if (best.Count > picks)
                    best.Dequeue();
            }
            for (var k = picks - 1; k >= 0; k--)
                ids[t * picks + k] = best.Dequeue();
        }
        return ids;
    }

    static double[] Normals(Random random, int count, double spread) =>
        [.. Enumerable.Range(0, count).Select(_ => spread * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))];
}
