using System.Text.Json;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>How many tokens each expert of each routed layer got in each iteration of a training.</summary>
public sealed class IterationCounts
{
    /// <summary>The key of a step's counts [layer][expert] in metrics.jsonl.</summary>
    public const string MetricsKey = "expert_counts";

    readonly long[][][] _counts;

    /// <param name="name">Where the counts come from.</param>
    /// <param name="counts">[iteration][layer][expert]; in every iteration the same layers, of as many experts each.</param>
    /// <exception cref="UserError">There are none, one is negative, or a layer has no token in an iteration.</exception>
    public IterationCounts(string name, long[][][] counts)
    {
        (Name, _counts) = (name, counts);
        if (counts.Length == 0 || counts[0].Length == 0 || counts[0][0].Length == 0)
            throw new UserError($"'{name}' holds no expert counts.");
        (Layers, Experts) = (counts[0].Length, counts[0][0].Length);
        for (var i = 0; i < counts.Length; i++)
        {
            if (counts[i].Length != Layers || counts[i].Any(layer => layer.Length != Experts))
                throw new UserError($"'{name}': iteration {i} has not {Layers} layers of {Experts} experts, as iteration 0 has.");
            for (var l = 0; l < Layers; l++)
            {
                if (counts[i][l].Min() < 0)
                    throw new UserError($"'{name}': iteration {i}, layer {l} has a negative count ({counts[i][l].Min()}); counts start at 0.");
                if (counts[i][l].Max() == 0)
                    throw new UserError($"'{name}': iteration {i}, layer {l} has no tokens; every routed layer has some in every iteration.");
            }
        }
    }

    /// <summary>Where the counts come from.</summary>
    public string Name { get; }

    /// <summary>I.</summary>
    public int Iterations => _counts.Length;

    /// <summary>L, routed layers.</summary>
    public int Layers { get; }

    /// <summary>E, of each layer.</summary>
    public int Experts { get; }

    /// <summary>The counts of an iteration [L][E].</summary>
    public IReadOnlyList<IReadOnlyList<long>> this[int iteration] => _counts[iteration];

    /// <summary>Mean of what an iteration's counts of a layer add up to: tokens x experts a token.</summary>
    public double MeanPicks => _counts.Average(iteration => iteration.Average(layer => (double)layer.Sum()));

    /// <summary>
    /// Reads CSV with the columns <c>iteration</c>, <c>layer</c>, <c>expert</c> and <c>count</c> (missing lines count 0), NumPy
    /// <c>[iterations, layers, experts]</c>, or the metrics.jsonl of a training with Trainer:ExpertCounts.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="experts">Experts of a layer of a CSV file; 0: the largest id and one more.</param>
    /// <exception cref="UserError">It is missing or has another form.</exception>
    public static IterationCounts Load(string path, int experts = 0) =>
        path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase) ? LoadNpy(path)
        : path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) ? LoadCsv(path, experts)
        : path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase) ? LoadMetrics(path)
        : throw new UserError($"'{path}' is no file of expert counts: .csv (iteration, layer, expert, count), .npy [iterations, layers, experts] and metrics.jsonl are right.");

    static IterationCounts LoadNpy(string path)
    {
        var array = Npy.Load(path);
        if (!array.Type.IsWhole() || array.Shape.Length != 3 || array.Count == 0)
            throw new UserError($"'{path}' is {array}; counts of iterations are an array of whole numbers [iterations, layers, experts].");
        var (values, layers, experts) = (array.ToInt64(), (int)array.Shape[1], (int)array.Shape[2]);
        return new IterationCounts(path, [.. values.Chunk(layers * experts).Select(iteration => iteration.Chunk(experts).ToArray())]);
    }

    static IterationCounts LoadMetrics(string path)
    {
        if (!File.Exists(path))
            throw new UserError($"'{path}' does not exist.");
        var counts = new List<long[][]>();
        try
        {
            foreach (var line in File.ReadLines(path))
            {
                using var entry = JsonDocument.Parse(line);
                if (entry.RootElement.TryGetProperty(MetricsKey, out var step))
                    counts.Add(step.Deserialize<long[][]>()!);
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new UserError($"'{path}', behind {counts.Count} steps with counts: {error.Message}", error);
        }
        return counts.Count > 0 ? new IterationCounts(path, [.. counts]) : throw new UserError($"'{path}' holds no \"{MetricsKey}\"; train with --Trainer:ExpertCounts true.");
    }

    static IterationCounts LoadCsv(string path, int experts)
    {
        using var table = CsvTable.Open(path);
        if (new[] { "iteration", "layer", "expert", "count" }.FirstOrDefault(column => !table.Has(column)) is { } missing)
            throw new UserError($"'{path}' has no column '{missing}'; counts of iterations have iteration, layer, expert, count.");
        var counts = new Dictionary<(int Iteration, int Layer, int Expert), long>();
        while (table.Next())
        {
            var place = ((int)table.Whole("iteration", 0, int.MaxValue), (int)table.Whole("layer", 0, ushort.MaxValue), (int)table.Whole("expert", 0, (experts > 0 ? experts : RoutingTraceHeader.MaximumExperts) - 1));
            if (!counts.TryAdd(place, table.Whole("count", 0, long.MaxValue)))
                throw table.Wrong($"expert {place.Item3} of layer {place.Item2} has a count in iteration {place.Item1} already");
        }
        // Numbers may have gaps: dense layers are no routed ones, and not every iteration need be recorded.
        int[] iterations = [.. counts.Keys.Select(place => place.Iteration).Distinct().Order()], layers = [.. counts.Keys.Select(place => place.Layer).Distinct().Order()];
        var all = experts > 0 ? experts : 1 + counts.Keys.Select(place => place.Expert).DefaultIfEmpty(-1).Max();
        return new IterationCounts(path, [.. iterations.Select(i => layers.Select(l => Enumerable.Range(0, all).Select(e => counts.GetValueOrDefault((i, l, e))).ToArray()).ToArray())]);
    }
}
