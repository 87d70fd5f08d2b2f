namespace OnnxMoe.Placement.Mappings;

/// <summary>Seconds of matrix products, by their shapes.</summary>
/// <param name="assumptions">Efficiency.</param>
/// <param name="peak">Operations a second.</param>
public sealed class GemmTime(CostAssumptions assumptions, double peak)
{
    /// <summary>Seconds of equal products [rows, depth] x [depth, columns]: whole tiles, and a start for each.</summary>
    /// <param name="rows">M; the mean where it varies.</param>
    /// <param name="columns">N.</param>
    /// <param name="depth">K.</param>
    /// <param name="count">How many.</param>
    public double Seconds(double rows, double columns, double depth, int count = 1) =>
        rows <= 0 ? 0 : count * 2 * Whole(rows, assumptions.Tile.Rows) * Whole(columns, assumptions.Tile.Columns) * (depth + assumptions.HalfDepth) / (assumptions.GemmShare * peak);

    /// <summary>Share of the peak.</summary>
    public double Efficiency(double rows, double columns, double depth) => 2 * rows * columns * depth / (peak * Seconds(rows, columns, depth));

    static double Whole(double length, int tile) => Math.Ceiling(length / tile) * tile;
}
