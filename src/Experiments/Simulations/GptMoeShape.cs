namespace OnnxMoe.Experiments.Simulations;

/// <summary>
/// A GPT model as DeepSpeed-MoE builds it: every second feed-forward layer routed with top-1, two matrices an expert, biases, learned positions, output tied to the embedding.
/// </summary>
/// <param name="Name">As the paper calls it.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Hidden">Width, h; the inner width is 4 h.</param>
/// <param name="Experts">Experts of each routed layer; empty for a dense model.</param>
public sealed record GptMoeShape(string Name, int Layers, int Hidden, IReadOnlyList<int> Experts)
{
    private const int Vocabulary = 50_257, Positions = 2048;

    /// <summary>Whether each routed layer has a dense one beside it (PR-MoE).</summary>
    public bool Residual { get; init; }

    /// <summary>A model whose routed layers all have as many experts.</summary>
    public static GptMoeShape Standard(string name, int layers, int hidden, int experts) => new(name, layers, hidden, [.. Enumerable.Repeat(experts, layers / 2)]);

    /// <summary>A model with more experts in its last two routed layers, each of them with a dense layer beside it.</summary>
    public static GptMoeShape Pyramid(string name, int layers, int hidden, int experts, int last) =>
        new(name, layers, hidden, [.. Enumerable.Repeat(experts, layers / 2 - 2), last, last]) { Residual = true };

    /// <summary>Weights of a feed-forward layer, or of an expert.</summary>
    public long FeedForward => 8L * Hidden * Hidden + 5L * Hidden;

    /// <summary>Weights of an attention layer.</summary>
    public long Attention => 4L * Hidden * Hidden + 4L * Hidden;

    /// <summary>Feed-forward layers that every token passes.</summary>
    public int DenseLayers => Layers - Experts.Count + (Residual ? Experts.Count : 0);

    /// <summary>All weights.</summary>
    public long Parameters => Layers * (Attention + 4L * Hidden) + DenseLayers * FeedForward + Experts.Sum(e => e * (FeedForward + Hidden)) + (Residual ? Experts.Count * (2L * Hidden + 2) : 0)
        + (long)(Vocabulary + Positions) * Hidden + 2L * Hidden;

    /// <summary>Sizes that the paper prints, in billions with their digits (tables 2, 3 and 5), and the models.</summary>
    public static IReadOnlyList<(string Printed, GptMoeShape Model)> Printed { get; } =
    [
        ("13", Standard("350M+MoE-128", 24, 1024, 128)),
        ("4", Pyramid("350M+PR-MoE-32/64", 24, 1024, 32, 64)),
        ("52", Standard("1.3B+MoE-128", 24, 2048, 128)),
        ("31", Pyramid("1.3B+PR-MoE-64/128", 24, 2048, 64, 128)),
        ("3.5", Pyramid("350M+PR-MoE-32/64 + MoS, 21 layers", 21, 1024, 32, 64)),
        ("27", Pyramid("1.3B+PR-MoE-64/128 + MoS, 21 layers", 21, 2048, 64, 128)),
    ];

    /// <summary>The size in billions with as many digits as the paper prints.</summary>
    public string Billions(string printed)
    {
        var digits = printed.Contains('.') ? printed.Length - printed.IndexOf('.') - 1 : 0;
        return (Parameters / 1e9).ToString($"F{digits}", System.Globalization.CultureInfo.InvariantCulture);
    }
}
