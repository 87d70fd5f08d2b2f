using OnnxMoe.Placement.Collectives;

namespace OnnxMoe.Experiments.Simulations;

/// <summary>What the experiment on DeepSpeed-MoE's inference system measures.</summary>
public static class ServingSimulation
{
    /// <summary>Names of the measures.</summary>
    public const string WrongSizes = "wrong_sizes", SizeError = "size_error", Delivered = "wrong_chunks", WrongMessages = "wrong_messages", SlicedRatio = "sliced_ratio";

    /// <inheritdoc cref="WrongSizes"/>
    public const string SmallGain = "small_gain", LargeGain = "large_gain", Crossover = "crossover_kib";

    /// <inheritdoc cref="WrongSizes"/>
    public const string Plain = "plain_ms", Optimized = "optimized_ms", Ratio = "ratio", PerGpu = "per_gpu_64_over_8";

    /// <inheritdoc cref="WrongSizes"/>
    public const string Dense = "dense_ms", OverDense = "over_dense", PlainOverDense = "plain_over_dense", Cheaper = "cheaper";

    /// <summary>Sizes of models, which no assumption changes.</summary>
    public static void MeasureSizes(long seed, Measurement result)
    {
        result[WrongSizes] = GptMoeShape.Printed.Count(size => size.Model.Billions(size.Printed) != size.Printed);
        result[SizeError] = ServedModel.All.Max(served => Math.Abs(served.Model.Parameters / 1e9 / served.Billions - 1));
    }

    /// <summary>All-to-all of 128 GPUs in nodes of 8.</summary>
    public static void MeasureExchange(long seed, Measurement result)
    {
        const int p = 128, g = ServingLatency.PerNode;
        var (flat, hierarchical) = (CollectiveSchedule.AllToAll(p), CollectiveSchedule.HierarchicalAllToAll(p, g));
        result[Delivered] = Differences(p, flat, hierarchical) + CoordinatedDifferences(p, g);
        result[WrongMessages] = Math.Abs(flat.Messages - p * (p - 1)) + Math.Abs(hierarchical.Messages - p * ((g - 1) + (p / g - 1)))
            + Math.Abs(CollectiveSchedule.CoordinatedAllToAll(p, g, back: true).Messages - p * ((p / g - 1) + (g - 1)));
        var cost = new ServingLatency(new ServingAssumptions().Drawn(seed)).Cost;
        var (group, peers) = (ServingLatency.Layout(p), new GroupLayout(p / g, p / g, 1, 1));
        double Flat(double bytes) => cost.AllToAll(group, bytes).Seconds;
        double Gain(double bytes) => Flat(bytes) / cost.HierarchicalAllToAll(group, bytes).Seconds - 1;
        result[SlicedRatio] = Flat(0) / cost.CoordinatedAllToAll(group, peers, ServingLatency.Layout(g), 0, gather: false).Seconds;
        (result[SmallGain], result[LargeGain]) = (Gain(1 << 10), Gain(1 << 28));
        var (low, high) = (1.0, (double)(1 << 28));
        while (high / low > 1.01)
            (low, high) = Gain(Math.Sqrt(low * high)) > 0 ? (Math.Sqrt(low * high), high) : (low, Math.Sqrt(low * high));
        result[Crossover] = low / 1024;
    }

    /// <summary>A model of table 6, plain and with DeepSpeed-MoE.</summary>
    public static void MeasureServed(ServedModel served, long seed, Measurement result)
    {
        var latency = new ServingLatency(new ServingAssumptions().Drawn(seed));
        result[Plain] = 1e3 * latency.Moe(served.Model, Math.Min(128, served.Gpus), served.Slices, optimized: false);
        result[Optimized] = 1e3 * latency.Moe(served.Model, served.Gpus, served.Slices, optimized: true);
        result[Ratio] = result[Plain] / result[Optimized];
        if (served == ServedModel.All[0])
            result[PerGpu] = latency.Moe(served.Model, 8, 1, optimized: true) / latency.Moe(served.Model, 64, 1, optimized: true);
    }

    /// <summary>A mixture against the dense model of equal quality, which PyTorch serves.</summary>
    /// <param name="dense">The dense model.</param>
    /// <param name="denseSlices">GPUs that it is sliced over.</param>
    /// <param name="standard">The mixture.</param>
    /// <param name="student">The same as PR-MoE + MoS.</param>
    /// <param name="gpus">GPUs of both.</param>
    /// <param name="slices">Tensor slices of both.</param>
    /// <param name="seed">Draws the assumptions.</param>
    /// <param name="result">Takes the measures.</param>
    public static void MeasureAgainstDense(GptMoeShape dense, int denseSlices, GptMoeShape standard, GptMoeShape student, int gpus, int slices, long seed, Measurement result)
    {
        var latency = new ServingLatency(new ServingAssumptions().Drawn(seed));
        result[Dense] = 1e3 * latency.Dense(dense, denseSlices, optimized: false);
        result[Plain] = 1e3 * latency.Moe(standard, 128, slices, optimized: false);
        result[Optimized] = 1e3 * latency.Moe(student, gpus, slices, optimized: true);
        (result[OverDense], result[PlainOverDense]) = (result[Dense] / result[Optimized], result[Plain] / result[Dense]);
        // A slicing group makes as many tokens a step in both; GPU seconds a token are those of a group.
        result[Cheaper] = result[OverDense] * denseSlices / slices;
    }

    private static int Differences(int ranks, CollectiveSchedule flat, CollectiveSchedule other)
    {
        IReadOnlyDictionary<Chunk, double>[] held = [.. Enumerable.Range(0, ranks).Select(from => Enumerable.Range(0, ranks).ToDictionary(to => new Chunk(from, to), to => (double)(from * ranks + to)))];
        var (a, b) = (flat.Run(held), other.Run(held));
        return Enumerable.Range(0, ranks).Sum(rank => Enumerable.Range(0, ranks).Count(from => !b[rank].TryGetValue(new Chunk(from, rank), out var value) || value != a[rank][new Chunk(from, rank)]));
    }

    private static int CoordinatedDifferences(int ranks, int slices)
    {
        IReadOnlyDictionary<Chunk, double>[] held = [.. Enumerable.Range(0, ranks).Select(rank => Enumerable.Range(0, ranks).ToDictionary(to => new Chunk(rank / slices, to), to => (double)(rank / slices * ranks + to)))];
        var end = CollectiveSchedule.CoordinatedAllToAll(ranks, slices, back: false).Run(held);
        return Enumerable.Range(0, ranks).Sum(rank => Enumerable.Range(0, ranks / slices).Count(g => !end[rank].TryGetValue(new Chunk(g, rank), out var value) || value != g * ranks + rank));
    }
}
