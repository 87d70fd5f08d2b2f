using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Simulation;

/// <summary>How a layer hides communication behind computation.</summary>
/// <param name="Chunks">Parts that the batch is cut into, each of which is sent while another is computed; 1: all is received, then computed, then sent back.</param>
/// <param name="IsComet">Tile by tile instead, as Comet does (arXiv 2502.19811).</param>
public sealed record OverlapPolicy(int Chunks, bool IsComet)
{
    /// <summary>No overlap.</summary>
    public static OverlapPolicy None { get; } = new(1, false);

    /// <summary>Tile by tile.</summary>
    public static OverlapPolicy Comet { get; } = new(1, true);

    /// <summary>In so many chunks.</summary>
    /// <exception cref="UserError">Less than 1.</exception>
    public static OverlapPolicy Chunked(int chunks) => chunks >= 1 ? new(chunks, false) : throw new UserError($"A batch cannot be cut into {chunks} chunks; at least 1 is right.");

    /// <summary>Reads "none", "chunked(4)" or "comet".</summary>
    /// <exception cref="UserError">It is none of them.</exception>
    public static OverlapPolicy Parse(string text) => text switch
    {
        "none" => None,
        "comet" => Comet,
        _ when text.StartsWith("chunked(", StringComparison.Ordinal) && text.EndsWith(')') && int.TryParse(text[8..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var chunks) => Chunked(chunks),
        _ => throw new UserError($"There is no overlap policy '{text}'; there are none, chunked(N) with a number, and comet."),
    };

    public override string ToString() => IsComet ? "comet" : Chunks == 1 ? "none" : $"chunked({Chunks})";
}
