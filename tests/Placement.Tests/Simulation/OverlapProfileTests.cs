using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Simulation;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Simulation;

public sealed class OverlapProfileTests
{
    static OverlapProfile Profile(double gigabytes = 200) => new(OverlapProfile.CurrentFormat, OverlapProfile.HashOf(SomeLayer.Gpus(8, gigabytes)), SomeLayer.Shape, 8, 2,
        [new ProfileEntry(4096, 18, 20, 512, 1e-3), new ProfileEntry(16384, 26, 30, 1024, 4e-3)]);

    [Fact]
    public void TheNearestBucketIsTakenAndOneThatIsFarIsSaid()
    {
        Assert.Equal((new BlockSplit(18, 20, 512), null), Profile().Lookup(4096));
        Assert.Equal((new BlockSplit(18, 20, 512), null), Profile().Lookup(5000));
        Assert.Equal((new BlockSplit(26, 30, 1024), "No division of blocks was tuned for 9,000 tokens; that for 16384 is taken.".Replace(",", "", StringComparison.Ordinal)), Profile().Lookup(9000));
        Assert.Equal(18, Profile().Lookup(1).Split.DispatchBlocks);
    }

    [Fact]
    public void AnotherMachineOrLayerIsRefused()
    {
        var cluster = SomeLayer.Gpus(8);
        Assert.Same(SomeLayer.Shape, Profile().For(cluster, SomeLayer.Shape, 8, 2, "p").Shape);
        Assert.Contains("other hardware", Assert.Throws<UserError>(() => Profile(100).For(cluster, SomeLayer.Shape, 8, 2, "p")).Message);
        Assert.Contains("but the layer has 8 experts, 4 a token", Assert.Throws<UserError>(() => Profile().For(cluster, SomeLayer.Shape, 8, 4, "p")).Message);
        Assert.Contains("1024 x 1024", Assert.Throws<UserError>(() => Profile().For(cluster, SomeLayer.Shape.Slice(2), 8, 2, "p")).Message);
    }

    [Fact]
    public void AFileIsReadAsItWasWrittenAndADamagedOneIsNamed()
    {
        using var folder = new TemporaryFolder();
        Profile().Save(folder["overlap.json"]);
        var read = OverlapProfile.Load(folder["overlap.json"]);
        Assert.Equal(Profile().Entries, read.Entries);
        Assert.Equal(Profile(), read with { Entries = Profile().Entries }, (a, b) => (a.Hardware, a.Shape, a.Experts) == (b.Hardware, b.Shape, b.Experts));
        (Profile() with { Entries = [new ProfileEntry(4096, 0, 1, 1, 1)] }).Save(folder["bad.json"]);
        Assert.Contains("at least one entry", Assert.Throws<UserError>(() => OverlapProfile.Load(folder["bad.json"])).Message);
        (Profile() with { Format = "other/1" }).Save(folder["other.json"]);
        Assert.Contains("'other/1'", Assert.Throws<UserError>(() => OverlapProfile.Load(folder["other.json"])).Message);
    }

    [Fact]
    public void TheSweepFindsWhatTryingEverythingFinds()
    {
        var cluster = SomeLayer.Gpus(8, blocks: 24);
        var gpus = SomeLayer.Simulators(cluster, SomeLayer.Rows(1024, 8, 2, 8));
        var sweep = SplitSweep.Of(gpus, cluster.Devices[0], 1024, TileSize.Usual);
        int[] blocks = [2, 4, 6, 8, 10, 12];
        var best = blocks.Min(n => gpus.Max(g => g.Dispatch(n).Seconds))
            + (from n in blocks from columns in new[] { 128, 256, 512, 1024 } select new BlockSplit(2, n, columns)).Min(split => gpus.Max(g => g.Combine(split).Seconds));
        Assert.Equal(best, sweep.Seconds, 12);
        Assert.Equal(best, gpus.Max(g => g.Dispatch(sweep.Best.DispatchBlocks).Seconds) + gpus.Max(g => g.Combine(sweep.Best).Seconds), 12);
        Assert.Equal([100], SplitSweep.ColumnBlocks(100, 128));
        Assert.Equal([640, 128], SplitSweep.ColumnBlocks(640, 128));
    }
}
