using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Experiments.Supernets;

/// <summary>The students of the AutoDistil experiment: three ranges of sizes as sub-spaces, and the same sizes as one space.</summary>
internal static class Students
{
    /// <summary>Names of the ranges.</summary>
    public static readonly string[] Ranges = ["tiny", "small", "base"];

    private static readonly string[][] Depths = [["1", "2"], ["2", "3"], ["3", "4"]];
    private static readonly string[][] Heads = [["1", "2"], ["2", "3"], ["3", "4"]];
    private static readonly string[][] Widths = [["16", "24"], ["32", "48"], ["64", "96"]];
    private static readonly string[] Ratios = ["1", "2"];

    /// <summary>One space.</summary>
    public static SearchSpace Union { get; } = new("union", [new("depth", 1, ["1", "2", "3", "4"]), new("heads", 1, ["1", "2", "3", "4"]), new("width", 1, [.. Widths.SelectMany(range => range)]), new("ratio", 1, Ratios)]);

    /// <summary>Three sub-spaces.</summary>
    public static SearchSpace Parted { get; } = new("parted",
    [
        new(SubSpaces.Gene, 1, Ranges),
        .. Ranges.SelectMany((range, i) => new (string Gene, string[] Choices)[] { ("depth", Depths[i]), ("heads", Heads[i]), ("width", Widths[i]) }
            .Select(gene => new GeneGroup($"{gene.Gene}@{range}", 1, gene.Choices, null, new(SubSpaces.Gene, [range])))),
        new("ratio", 1, Ratios),
    ]);

    /// <summary>The students that are measured in each range.</summary>
    public const int Each = 7;

    /// <summary>Students of a range: its smallest, its largest, and some between.</summary>
    public static IReadOnlyList<Student> Of(int range) =>
    [
        new(range, 0, 0, 0, 0), new(range, 1, 1, 1, 1), new(range, 0, 1, 0, 1), new(range, 1, 0, 1, 0), new(range, 1, 1, 0, 0), new(range, 0, 0, 1, 1), new(range, 0, 1, 1, 0),
    ];

    /// <summary>A student by its choices within its range.</summary>
    public sealed record Student(int Range, int Depth, int Heads, int Width, int Ratio)
    {
        public Architecture InUnion => Union.Of(Range + Depth, Range + Heads, (2 * Range) + Width, Ratio);

        public Architecture InParted
        {
            get
            {
                var genes = new int[Parted.Length];
                (genes[0], genes[^1]) = (Range, Ratio);
                new[] { Depth, Heads, Width }.CopyTo(genes, 1 + (3 * Range));
                return Parted.Of(genes);
            }
        }

        /// <summary>The ordinary model's sizes.</summary>
        public ModelOptions OptionsOf(ModelOptions options) => TransformerGenes.OptionsOf(options, InUnion);
    }
}
