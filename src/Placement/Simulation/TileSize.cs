using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Simulation;

/// <summary>The part of a matrix product that one block computes at a time; a part that is not full takes as long as a full one.</summary>
/// <param name="Rows">Rows of the result.</param>
/// <param name="Columns">Columns of the result.</param>
public readonly record struct TileSize(int Rows, int Columns)
{
    /// <summary>128 x 128, the usual size of tensor-core kernels.</summary>
    public static TileSize Usual => new(128, 128);

    /// <summary>How many tiles cover so many rows.</summary>
    public int OfRows(int rows) => (rows + Rows - 1) / Rows;

    /// <summary>How many tiles cover so many columns.</summary>
    public int OfColumns(int columns) => (columns + Columns - 1) / Columns;

    /// <summary>This size, or an error.</summary>
    /// <exception cref="UserError">A side is not at least 1.</exception>
    public TileSize Checked() => Rows >= 1 && Columns >= 1 ? this : throw new UserError($"A tile of {Rows} x {Columns} computes nothing; both sides must be at least 1 (128 x 128 is usual).");
}
