using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Simulation;

namespace OnnxMoe.Placement.Tests.Simulation;

public sealed class GroupedGemmTests
{
    [Fact]
    public void FullTilesAndFullWavesRunAtTheSpeedOfTheGpu()
    {
        var device = new Device(0, "n", 0, 1e15) { Blocks = 64 };
        var gemm = new GroupedGemm(Columns: 1024, Depth: 512, ElementBytes: 2, TileSize.Usual);
        // 8 x 8 tiles on 64 blocks: one wave.
        var useful = 2.0 * 1024 * 1024 * 512;
        Assert.Equal(useful / 1e15, gemm.TileSeconds(device, 1, 64, 8, gemm.Tiles([1024])), 15);
        Assert.Equal(64, gemm.Tiles([1024]));
        Assert.Equal(16, gemm.Tiles([1, 128]));
        Assert.Equal(24, gemm.Tiles([1, 129]));
        Assert.Equal(0, gemm.Tiles([0]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(128)]
    public void APaddedTileTakesAsLongAsAFullOne(int rows) => Assert.Equal(Alone([128]), Alone([rows]), 15);

    [Fact]
    public void ChunksPayForPaddedTiles()
    {
        // 1,024 rows are 8 row tiles; each of 16 parts of 64 rows is 1.
        RankSimulator gpu = new(SomeLayer.Gpus(1, memory: 0), SomeLayer.Shape, TileSize.Usual, new RankRows(0, [[1024]], [[1024]], [1024]));
        var none = gpu.Run(OverlapPolicy.None).Halves.Single();
        Assert.Equal(none.Compute, gpu.Run(OverlapPolicy.Chunked(8)).Halves.Single().Compute, 12);
        Assert.Equal(2 * none.Compute, gpu.Run(OverlapPolicy.Chunked(16)).Halves.Single().Compute, 12);
    }

    [Fact]
    public void FewRowsTakeAsLongAsReadingTheWeights()
    {
        var device = new Device(0, "n", 0, 1e15) { Blocks = 100, MemoryBytesPerSecond = 5e11 };
        var gemm = new GroupedGemm(Columns: 1280, Depth: 4096, ElementBytes: 2, TileSize.Usual);
        // One row of 10 tiles, all at once: together they read 1280 x 4096 numbers.
        Assert.Equal(1280 * 4096 * 2 / 5e11, gemm.TileSeconds(device, 1, 100, 1, 10), 12);
        // Many rows share one reading, and then computing takes longer.
        Assert.Equal(2.0 * 128 * 128 * 4096 / 1e13, gemm.TileSeconds(device, 1, 100, 1000, 10000), 12);
        Assert.Equal(2 * gemm.TileSeconds(device, 1, 100, 1000, 10000), gemm.TileSeconds(device, 2, 100, 1000, 10000), 12);
    }

    [Fact]
    public void ATileOfNothingIsRefused() => Assert.Contains("0 x 128 computes nothing", Assert.Throws<UserError>(() => new TileSize(0, 128).Checked()).Message);

    [Fact]
    public void ExpertsAreCutIntoEqualSlicesOnly()
    {
        Assert.Equal(512, SomeLayer.Shape.Slice(4).Width);
        Assert.Contains("cannot be cut into 3 equal slices", Assert.Throws<UserError>(() => SomeLayer.Shape.Slice(3)).Message);
    }

    /// <summary>Seconds of a layer on one GPU without memory limits.</summary>
    static double Alone(int[] rows) =>
        new RankSimulator(SomeLayer.Gpus(1, memory: 0), SomeLayer.Shape, TileSize.Usual, new RankRows(0, [.. rows.Select(n => new[] { n })], [.. rows.Select(n => new[] { n })], [rows.Sum()])).Run(OverlapPolicy.None).Seconds;
}
