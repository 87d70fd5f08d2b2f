using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Simulation;

/// <summary>The two matrix products of an expert on one GPU: [rows, Hidden] x [Hidden, Width] (twice as wide when gated), then [rows, Width] x [Width, Hidden].</summary>
/// <param name="Hidden">N, the width of a token.</param>
/// <param name="Width">F, the hidden width of the expert; where tensor parallelism slices experts, of the slice.</param>
/// <param name="Gated">Whether the first product makes gate and value, 2 x Width columns.</param>
public sealed record ExpertShape(int Hidden, int Width, bool Gated)
{
    /// <summary>Bytes of a number in weights and rows; 2: bf16.</summary>
    public int ElementBytes { get; init; } = 2;

    /// <summary>Bytes of a token's row.</summary>
    public long RowBytes => (long)Hidden * ElementBytes;

    /// <summary>The first product.</summary>
    public GroupedGemm First(TileSize tile) => new((Gated ? 2 : 1) * Width, Hidden, ElementBytes, tile);

    /// <summary>The second product.</summary>
    public GroupedGemm Second(TileSize tile) => new(Hidden, Width, ElementBytes, tile);

    /// <summary>This slice of the expert's width, of several equal ones.</summary>
    /// <exception cref="UserError">The width does not divide.</exception>
    public ExpertShape Slice(int slices) => slices >= 1 && Width % slices == 0 ? this with { Width = Width / slices }
        : throw new UserError($"An expert of width {Width} cannot be cut into {slices} equal slices.");
}
