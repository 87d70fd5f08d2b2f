using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Sharding.Policies;

namespace OnnxMoe.Placement.Sharding;

/// <summary>
/// Replays recorded expert counts iteration by iteration and adds up what each would take on a cluster. Tokens are taken to be spread evenly
/// over the devices; nothing is simulated but time and bytes: no weights, no gradients.
/// </summary>
/// <param name="counts">What was recorded.</param>
/// <param name="costs">Model and cluster.</param>
/// <param name="scale">What one recorded token stands for.</param>
/// <param name="allowUneven">Whether some devices may own one expert more than others.</param>
public sealed class TrainingSimulator(IterationCounts counts, TrainingCosts costs, double scale = 1, bool allowUneven = false)
{
    readonly IReadOnlyList<PlacedLayer> _start = ExpertShards.Even(counts.Layers, counts.Experts, costs.Cluster.Devices.Count, allowUneven);

    /// <summary>A policy over all iterations.</summary>
    public SimulatedTraining Run(ShardingPolicy policy, CancellationToken cancellation = default)
    {
        var estimator = new LoadEstimator(policy.Window, counts.Layers, counts.Experts);
        var iterations = new List<IterationTotals>(counts.Iterations);
        var (owners, memory) = (_start, new MemorySplit());
        for (var iteration = 0; iteration < counts.Iterations; iteration++)
        {
            cancellation.ThrowIfCancellationRequested();
            var estimate = estimator.Estimate;
            var before = owners;
            if (estimate is not null)
                owners = policy.Owners(iteration, owners, estimate);
            var (totals, placed) = Iterate(policy, owners, estimate, counts[iteration], costs.Move(before, owners));
            iterations.Add(totals);
            var peak = MemorySplit.Of(owners, placed, costs.Model, policy.Rematerializes);
            memory = peak.Total > memory.Total ? peak : memory;
            estimator.Add(counts[iteration]);
        }
        return new SimulatedTraining(policy, iterations, memory);
    }

    (IterationTotals Totals, PlacedLayer[] Placed) Iterate(ShardingPolicy policy, IReadOnlyList<PlacedLayer> owners, IReadOnlyList<double[]>? estimate, IReadOnlyList<IReadOnlyList<long>> truth, TransferClock moving)
    {
        var (placed, times) = (new PlacedLayer[owners.Count], new LayerTime[owners.Count]);
        for (var l = 0; l < placed.Length; l++)
        {
            var tokens = truth[l].Select(count => count * scale).ToArray();
            var planned = policy.Materialize(owners[l], estimate?[l]);
            placed[l] = policy.AfterGate(owners[l], planned, tokens);
            times[l] = costs.Time(owners[l], planned, placed[l], tokens, policy.Rematerializes);
        }
        return (new IterationTotals(times.Average(t => t.Straggler), times.Sum(t => t.Seconds) + moving.Seconds, times.Sum(t => t.Attention), times.Sum(t => t.Experts),
            times.Sum(t => t.AllToAll), times.Sum(t => t.Exposed), moving.Seconds, times.Sum(t => t.CollectiveSeconds), times.Sum(t => t.CollectiveBytes),
            times.Sum(t => t.TokenBytes), moving.Bytes, placed.Sum(layer => layer.Copies().Sum()) - (counts.Layers * counts.Experts)), placed);
    }
}
