using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.ExpertParallel;

namespace OnnxMoe.Serving.Groups;

/// <summary>
/// Tokens move between the ranks by all-to-all: how many, their rows, the experts they want and the weights of those; then the results come back in the same
/// way. All ranks go through a layer together, also those that get nothing. The rows go through the host's memory, whatever the device.
/// </summary>
/// <param name="group">The group.</param>
/// <param name="experts">The experts of this rank.</param>
/// <param name="calls">Where experts are applied, in the same order on all ranks.</param>
internal sealed class GroupExchange(ServerGroup group, PlacedExperts experts, IReadOnlyList<ExpertCall> calls) : IExpertExchange, IDisposable
{
    private readonly Lock _turn = new();

    /// <summary>Where the experts of all ranks are.</summary>
    public PlacementPlan Plan => experts.Plan;

    /// <summary>What this rank holds, in words.</summary>
    public string Held => $"{experts.CountOf(group.Rank)} of {Plan.Layers.Sum(layer => layer.Experts)} experts";

    /// <inheritdoc/>
    public int Homes => 1;

    /// <inheritdoc/>
    public bool Reaches(IReadOnlyList<int> devices) => true;

    /// <inheritdoc/>
    public float[][]? Apply(ExpertCall call, PlacedExperts placed, IReadOnlyList<ExpertWork> work, TrafficCounter traffic)
    {
        lock (_turn)
        {
            try
            {
                int[] counts = [.. work.Select(part => part.Count)];
                var step = GroupStep.Share(group, new(calls.Index().First(known => known.Item == call).Index, work[0].Width, work[0].Picks));
                var (sums, took) = Apply(step, counts, [.. work.SelectMany(part => part.Rows)], [.. work.SelectMany(part => part.Places)], [.. work.SelectMany(part => part.Weights)]);
                for (var device = 0; device < counts.Length; device++)
                    traffic.Worked(device, took[device]);
                var offset = 0;
                return [.. counts.Select(count => sums[(offset * step.Width)..((offset += count) * step.Width)])];
            }
            catch (OperationCanceledException)
            {
                throw new GroupBrokenException(group.Problem!);
            }
        }
    }

    /// <summary>Does what rank 0 says, until it says that this is the end.</summary>
    public void Follow()
    {
        for (var step = GroupStep.Share(group, default); step.Call != GroupStep.End; step = GroupStep.Share(group, default))
            Apply(step, new int[group.Size], [], [], []);
    }

    /// <summary>Tells the others that this is the end.</summary>
    public void Dispose()
    {
        lock (_turn)
        {
            try
            {
                if (group is { Rank: 0, Started: true, Problem: null })
                    GroupStep.Share(group, new(GroupStep.End, 0, 0));
            }
            catch (OperationCanceledException)
            {
                // A rank has died: there is nobody to tell.
            }
        }
        experts.Dispose();
    }

    /// <summary>One layer: tokens out, this rank's experts on what came, results back.</summary>
    /// <returns>The results for the tokens that this rank sent, in their order, and how long each rank worked.</returns>
    private (float[] Sums, TimeSpan[] Took) Apply(GroupStep step, int[] counts, float[] rows, long[] places, float[] weights)
    {
        var received = group.ExchangeCounts(counts);
        var x = group.Exchange(rows, counts, step.Width, received);
        var wanted = group.Exchange(places, counts, step.Picks, received);
        var shares = group.Exchange(weights, counts, step.Picks, received);
        float[] y = [];
        var began = TimeProvider.System.GetTimestamp();
        if (received.Sum() is > 0 and var count)
        {
            using var options = new Microsoft.ML.OnnxRuntime.RunOptions();
            y = experts.SessionsOf(calls[step.Call])[group.Rank]!.Apply(x, wanted, shares, count, options);
        }
        var microseconds = (int)TimeProvider.System.GetElapsedTime(began).TotalMicroseconds;
        var sums = group.Exchange(y, received, step.Width, counts);
        return (sums, Array.ConvertAll(group.ExchangeCounts([.. Enumerable.Repeat(microseconds, group.Size)]), took => TimeSpan.FromMicroseconds(took)));
    }
}
