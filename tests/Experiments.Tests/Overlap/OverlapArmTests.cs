using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Overlap;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Tests.Overlap;

public sealed class OverlapArmTests
{
    [Fact]
    public void ALayerIsSimulatedUnderEveryPolicy()
    {
        var model = new SimulatedModel("small", 8, 2, 512, 1024);
        var arm = new OverlapArm("h800", model, 1024, 2, 0.05);
        Assert.Equal("h800 small, 1024, TP 2, std 0.05", arm.Name);
        Measurement Run(long seed)
        {
            var result = new Measurement(arm.Name, seed, "");
            arm.Run(seed, new TokenDataset(new ByteTokenizer(), []), result, _ => { }, CancellationToken.None);
            return result;
        }
        var (first, again) = (Run(3), Run(3));
        foreach (var measure in new[] { OverlapArm.None, OverlapArm.Chunked2, OverlapArm.Chunked4, OverlapArm.Comet })
        {
            Assert.True(first[measure] > 0);
            Assert.Equal(first[measure], again[measure]);
        }
        Assert.Equal(first[OverlapArm.None] / first[OverlapArm.Comet], first[OverlapArm.SpeedUpNone], 9);
        Assert.True(first[OverlapArm.SpeedUp] <= first[OverlapArm.SpeedUpNone]);
        Assert.NotEqual(arm.Fingerprint(3, new DataOptions()), arm.Fingerprint(4, new DataOptions()));
    }
}
