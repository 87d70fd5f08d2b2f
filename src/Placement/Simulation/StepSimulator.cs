using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Simulation;

/// <summary>
/// Simulates the routed layers of a model's forward step under a plan: in each layer, tokens go from their home GPUs (in turn) to the GPUs
/// of their experts, are computed there and come back; the next layer begins when the slowest GPU is done. Batches are drawn from a
/// routing trace by seed, so that times of different plans can be compared step by step.
/// </summary>
/// <param name="cluster">The GPUs and links; the GPUs may differ.</param>
/// <param name="sizes">The model; its <see cref="ModelSizes.Shapes"/> must be known.</param>
/// <param name="options">What is simulated; null: no overlap, 20 steps of 1,024 tokens.</param>
public sealed class StepSimulator(Cluster cluster, ModelSizes sizes, StepOptions? options = null)
{
    readonly StepOptions _options = (options ?? new()).Checked(cluster.Devices.Count);
    readonly Dictionary<(ExpertShape Shape, int Experts, int K), BlockSplit> _splits = [];
    readonly List<string> _notes = [];

    /// <summary>What is not known but needed to simulate steps, as one sentence; null when all is there.</summary>
    public static string? Missing(Cluster cluster, ModelSizes sizes) =>
        cluster.Devices.Any(d => d.Flops == 0 || d.Blocks == 0) ? $"The description of '{cluster.Name}' does not say how fast its GPUs are: steps can be simulated when each node has teraflops and blocks."
        : sizes.Shapes.Count == 0 ? "The shape of the experts is not known: steps can be simulated for a model folder, or with Place:Hidden and Place:ExpertWidth."
        : null;

    /// <summary>Simulates steps of a plan.</summary>
    /// <param name="layers">The plan.</param>
    /// <param name="trace">The routing.</param>
    /// <param name="tokens">Numbers of the tokens in the trace that batches are drawn from.</param>
    /// <exception cref="UserError">Something needed is not known, or plan, trace and cluster do not belong together.</exception>
    public StepTimes Run(IReadOnlyList<PlacedLayer> layers, RoutingTrace trace, IReadOnlyList<int> tokens)
    {
        if (Missing(cluster, sizes) is { } missing)
            throw new UserError(missing);
        if (tokens.Count == 0)
            throw new UserError("There are no tokens to draw a step's batch from.");
        Check(layers, trace);
        _splits.Clear();
        _notes.Clear();
        var (draw, slow) = (new Random(_options.Seed), new Random(_options.Seed + 1));
        var passes = trace.Layers.Select(_ => (Slowest: 0.0, Mean: 0.0, Exposed: 0.0)).ToArray();
        var seconds = new double[_options.Steps];
        for (var step = 0; step < seconds.Length; step++)
        {
            int[] batch = [.. Enumerable.Range(0, _options.BatchTokens).Select(_ => tokens[draw.Next(tokens.Count)])];
            var slowdowns = Slowdowns(slow);
            for (var site = 0; site < passes.Length; site++)
            {
                var times = Pass(layers, trace, site, batch, slowdowns);
                seconds[step] += times.Seconds;
                passes[site] = (passes[site].Slowest + times.Seconds, passes[site].Mean + times.Mean, passes[site].Exposed + times.Exposed);
            }
        }
        return new StepTimes(seconds, [.. passes.Select((p, site) => new StepLayer(trace.Layers[site].Layer, trace.Layers[site].Iteration,
            p.Slowest / seconds.Length, p.Mean / seconds.Length, p.Exposed / seconds.Length))])
        { Notes = [.. _notes] };
    }

    LayerTimes Pass(IReadOnlyList<PlacedLayer> layers, RoutingTrace trace, int site, int[] batch, double[] slowdowns)
    {
        var index = IndexOf(layers, trace.Layers[site].Layer);
        var (shape, k) = (sizes.Shapes[index], trace.Layers[site].ExpertsPerToken);
        var ids = new int[batch.Length * k];
        for (var t = 0; t < batch.Length; t++)
            trace.Ids(site, batch[t]).CopyTo(ids.AsSpan(t * k));
        int[] homes = [.. Enumerable.Range(0, batch.Length).Select(t => t % cluster.Devices.Count)];
        var rows = RankRows.Of(layers[index], ids, k, homes, _options.MergeCopies, numbers: batch);
        RankSimulator[] gpus = [.. rows.Select((r, g) => new RankSimulator(cluster, shape, _options.Tile, r, slowdowns[g]))];
        return LayerTimes.Of(gpus, _options.Policy, _options.Policy.IsComet && gpus.Length > 1 ? Split(gpus, shape, layers[index].Experts, k) : null);
    }

    /// <summary>The division of the blocks for this kind of layer, from the profile or tuned on the first batch that meets it.</summary>
    BlockSplit Split(RankSimulator[] gpus, ExpertShape shape, int experts, int k)
    {
        if (_splits.TryGetValue((shape, experts, k), out var known))
            return known;
        var fewest = cluster.Devices.MinBy(d => d.Blocks)!;
        if (fewest.Blocks < 2)
            throw new UserError($"Comet needs GPUs of at least 2 blocks, one to compute and one to communicate; node '{fewest.NodeName}' says {fewest.Blocks}.");
        if (_options.Profile is not { } profile)
            return _splits[(shape, experts, k)] = SplitSweep.Of(gpus, fewest, shape.Hidden, _options.Tile).Best;
        var (split, note) = profile.For(cluster, shape, experts, k, "The overlap profile").Lookup(_options.BatchTokens);
        if (note is not null)
            _notes.Add(note);
        return _splits[(shape, experts, k)] = split.Checked(fewest, shape.Hidden);
    }

    double[] Slowdowns(Random random)
    {
        var order = Enumerable.Range(0, cluster.Devices.Count).ToArray();
        random.Shuffle(order);
        var slowdowns = Enumerable.Repeat(1.0, order.Length).ToArray();
        foreach (var gpu in order.Take(_options.SlowGpus))
            slowdowns[gpu] = _options.SlowFactor;
        return slowdowns;
    }

    void Check(IReadOnlyList<PlacedLayer> layers, RoutingTrace trace)
    {
        if (layers.Count != sizes.Shapes.Count)
            throw new UserError($"The plan has {layers.Count} routed layers, but the sizes of {sizes.Shapes.Count} are known.");
        if (layers.FirstOrDefault(l => l.Devices.Count != cluster.Devices.Count) is { } odd)
            throw new UserError($"The plan places layer {odd.Layer} on {odd.Devices.Count} GPUs, but '{cluster.Name}' has {cluster.Devices.Count}.");
        if (trace.Layers.FirstOrDefault(t => IndexOf(layers, t.Layer) < 0) is { } missing)
            throw new UserError($"The trace has a routed layer {missing.Layer} that the plan does not place.");
    }

    static int IndexOf(IReadOnlyList<PlacedLayer> layers, int number)
    {
        for (var l = 0; l < layers.Count; l++)
        {
            if (layers[l].Layer == number)
                return l;
        }
        return -1;
    }
}
