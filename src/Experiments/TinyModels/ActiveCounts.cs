namespace OnnxMoe.Experiments.TinyModels;

/// <summary>How many stored experts each token meets in each routed layer of a model whose tokens do not all meet the same number.</summary>
/// <param name="snapshot">Decisions for the tokens.</param>
public sealed class ActiveCounts(RoutingSnapshot snapshot)
{
    /// <summary>Standard deviation of the counts within a layer, mean over layers.</summary>
    public const string Deviation = "active_deviation";

    /// <summary>Counts [layer][token].</summary>
    public IReadOnlyList<int[]> ByLayer { get; } = [.. snapshot.Layers.Select(layer => layer.Indices.Select(row => row.Count(expert => expert >= 0)).ToArray())];

    /// <summary>Mean over layers and tokens.</summary>
    public double Mean => ByLayer.Average(counts => counts.Average());

    /// <summary>Name of the measure: the share of tokens and layers with so many experts.</summary>
    public static string Share(int experts) => $"active_share_{experts}";

    /// <summary>Writes the deviation and the shares of 0 to <paramref name="most"/> experts.</summary>
    public void Measure(Measurement result, int most)
    {
        result[Deviation] = ByLayer.Average(counts => Math.Sqrt(counts.Average(count => (count - counts.Average()) * (count - counts.Average()))));
        var all = ByLayer.SelectMany(counts => counts).ToArray();
        for (var experts = 0; experts <= most; experts++)
            result[Share(experts)] = all.Count(count => count == experts) / (double)all.Length;
    }

    /// <summary>Columns for what <see cref="Measure"/> writes.</summary>
    public static IEnumerable<Metric> Metrics(int most) =>
        [new(Deviation, "deviation over tokens", "F2"), .. Enumerable.Range(0, most + 1).Select(experts => new Metric(Share(experts), $"share with {experts}", "P0"))];
}
