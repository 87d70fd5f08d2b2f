using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Simulation;

/// <summary>
/// The cost of one matrix product of several experts, each with rows of its own. Its efficiency is no constant: it follows from how many
/// tiles there are (rows of an expert are padded to whole tiles) and how they fill the GPU's blocks (the last wave may be half empty).
/// A tile takes the longer of computing, 2 x rows x columns x depth operations at a block's share of the GPU's speed, and of reading
/// its weights: all tiles of an expert in the same columns share one read, and the tiles that run at once share the memory's bandwidth.
/// </summary>
/// <param name="Columns">Columns of the result.</param>
/// <param name="Depth">The dimension that is summed over.</param>
/// <param name="ElementBytes">Bytes of a weight.</param>
/// <param name="Tile">Size of a tile.</param>
public sealed record GroupedGemm(int Columns, int Depth, int ElementBytes, TileSize Tile)
{
    /// <summary>Tiles side by side in a row of tiles.</summary>
    public int ColumnTiles => Tile.OfColumns(Columns);

    /// <summary>Tiles of a product with these rows of each expert.</summary>
    public int Tiles(IEnumerable<int> rows) => rows.Sum(Tile.OfRows) * ColumnTiles;

    /// <summary>Seconds of one tile.</summary>
    /// <param name="device">The GPU; its blocks and speed must be known.</param>
    /// <param name="slowdown">How many times slower than its description this GPU computes.</param>
    /// <param name="blocks">How many blocks compute.</param>
    /// <param name="rowTiles">Rows of tiles of this expert.</param>
    /// <param name="tiles">Tiles of all experts of this product.</param>
    public double TileSeconds(Device device, double slowdown, int blocks, int rowTiles, int tiles)
    {
        var compute = 2.0 * Tile.Rows * Tile.Columns * Depth / (device.Flops / device.Blocks) * slowdown;
        if (device.MemoryBytesPerSecond == 0)
            return compute;
        var weights = (double)Tile.Columns * Depth * ElementBytes / rowTiles;
        return Math.Max(compute, weights * Math.Min(blocks, tiles) / device.MemoryBytesPerSecond);
    }
}
