using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Serving.ExpertParallel;

namespace OnnxMoe.Serving.Groups;

/// <summary>
/// Tokens move between the ranks by all-to-all: first how many, then in one exchange their rows with the experts they want and the weights of those, and
/// in one the results back. All ranks go through a layer together, also those that have no tokens. Everything goes through the host's memory, whatever the device.
/// </summary>
/// <param name="group">The group.</param>
internal sealed class GroupExchange(ServerGroup group) : IExpertExchange
{
    /// <inheritdoc/>
    public bool Reaches(IReadOnlyList<int> devices) => true;

    /// <inheritdoc/>
    public float[][]? Apply(ExpertCall call, PlacedExperts experts, IReadOnlyList<ExpertWork> work, TrafficCounter traffic)
    {
        try
        {
            var (width, picks) = (work[0].Width, work[0].Picks);
            var heads = group.ExchangeCounts([.. work.SelectMany(part => new[] { part.Count, picks })], 2);
            var (counts, theirPicks) = (Every(heads, 0), Every(heads, 1));
            var tokens = group.Exchange(Packed(work), [.. work.Select(part => part.Count * SizeOf(width, picks))],
                1, [.. counts.Zip(theirPicks, (count, most) => count * SizeOf(width, most))]);
            var sums = Work(call, experts, Unpacked(tokens, counts, theirPicks, width), traffic);
            var results = group.Exchange(sums, Array.ConvertAll(counts, count => count * width), 1, [.. work.Select(part => part.Count * width)]);
            var offset = 0;
            return [.. work.Select(part => results[offset..(offset += part.Count * width)])];
        }
        catch (OperationCanceledException)
        {
            throw new GroupBrokenException(group.Problem!);
        }
    }

    /// <summary>Floats that a token takes on its way: its row, and for each expert it may want the weight and the place.</summary>
    private static int SizeOf(int width, int picks) => width + (2 * picks);

    private static int[] Every(int[] pairs, int which) => [.. pairs.Where((_, i) => i % 2 == which)];

    private static float[] Packed(IReadOnlyList<ExpertWork> work)
    {
        var (width, picks) = (work[0].Width, work[0].Picks);
        var packed = new float[work.Sum(part => part.Count) * SizeOf(width, picks)];
        var rest = packed.AsSpan();
        foreach (var part in work)
        {
            for (var token = 0; token < part.Count; token++)
            {
                part.Rows.AsSpan(token * width, width).CopyTo(rest);
                part.Weights.AsSpan(token * picks, picks).CopyTo(rest[width..]);
                var places = MemoryMarshal.Cast<float, int>(rest.Slice(width + picks, picks));
                for (var pick = 0; pick < picks; pick++)
                    places[pick] = (int)part.Places[(token * picks) + pick];
                rest = rest[SizeOf(width, picks)..];
            }
        }
        return packed;
    }

    private static ExpertWork Unpacked(float[] packed, int[] counts, int[] theirPicks, int width)
    {
        var (count, picks) = (counts.Sum(), theirPicks.Max());
        var work = new ExpertWork(count, width, picks, new float[count * width], new long[count * picks], new float[count * picks]);
        Array.Fill(work.Places, -1);
        var rest = packed.AsSpan();
        var token = 0;
        for (var rank = 0; rank < counts.Length; rank++)
        {
            var most = theirPicks[rank];
            for (var i = 0; i < counts[rank]; i++, token++)
            {
                rest[..width].CopyTo(work.Rows.AsSpan(token * width));
                rest.Slice(width, most).CopyTo(work.Weights.AsSpan(token * picks));
                var places = MemoryMarshal.Cast<float, int>(rest.Slice(width + most, most));
                for (var pick = 0; pick < most; pick++)
                    work.Places[(token * picks) + pick] = places[pick];
                rest = rest[SizeOf(width, most)..];
            }
        }
        return work;
    }

    /// <summary>Lets this rank's experts work on what came. When they fail the others would wait for ever, so the group ends.</summary>
    private float[] Work(ExpertCall call, PlacedExperts experts, ExpertWork work, TrafficCounter traffic)
    {
        if (work.Count == 0)
            return [];
        try
        {
            var began = TimeProvider.System.GetTimestamp();
            using var options = new RunOptions();
            var sums = experts.SessionsOf(call)[group.Rank]!.Apply(work.Rows, work.Places, work.Weights, work.Count, options);
            traffic.Worked(group.Rank, TimeProvider.System.GetElapsedTime(began));
            return sums;
        }
        catch (Exception problem)
        {
            group.Break($"The experts of layer {call.Site} on rank {group.Rank} failed ({problem.GetType().Name}: {problem.Message.TrimEnd('.')})");
            throw new GroupBrokenException(group.Problem!);
        }
    }
}
