using System.Globalization;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>
/// A place where tokens are routed: a layer, and where a layer passes its experts several times for a token (Chain-of-Experts), which
/// of the passes. Written as 3 for the first pass of layer 3, 3.1 for the second.
/// </summary>
/// <param name="Layer">Number of the layer in the model.</param>
/// <param name="Iteration">Number of the pass, from 0.</param>
public readonly record struct RoutingSite(int Layer, int Iteration = 0) : IComparable<RoutingSite>
{
    private const string Prefix = "routing.", Indices = ".indices";

    /// <summary>The model's output that holds the chosen experts [B, S, K].</summary>
    public string IndicesOutput => $"{Prefix}{this}{Indices}";

    /// <summary>The model's output that holds their weights [B, S, K].</summary>
    public string WeightsOutput => $"{Prefix}{this}.weights";

    /// <summary>The site whose chosen experts a model's output holds; null for other outputs.</summary>
    public static RoutingSite? OfIndices(string output)
    {
        if (!output.StartsWith(Prefix, StringComparison.Ordinal) || !output.EndsWith(Indices, StringComparison.Ordinal) || output.Length <= Prefix.Length + Indices.Length)
            return null;
        var numbers = output[Prefix.Length..^Indices.Length].Split('.')
            .Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1).ToArray();
        return numbers switch
        {
            [>= 0] => new RoutingSite(numbers[0]),
            [>= 0, > 0] => new RoutingSite(numbers[0], numbers[1]),
            _ => null,
        };
    }

    /// <summary>The sites whose chosen experts a model's outputs hold, in the order in which a token meets them.</summary>
    public static IReadOnlyList<RoutingSite> AllOf(IEnumerable<string> outputs) => [.. outputs.Select(OfIndices).OfType<RoutingSite>().Order()];

    /// <summary>In the order in which a token meets them.</summary>
    public int CompareTo(RoutingSite other) => (Layer, Iteration).CompareTo((other.Layer, other.Iteration));

    public override string ToString() => Iteration == 0 ? string.Create(CultureInfo.InvariantCulture, $"{Layer}") : string.Create(CultureInfo.InvariantCulture, $"{Layer}.{Iteration}");
}
