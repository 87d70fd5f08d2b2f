using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Overlap;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Tests.Overlap;

public sealed class OverlapLayerTests
{
    [Fact]
    public void ALayerIsSimulatedUnderEveryPolicy()
    {
        var model = new SimulatedModel("small", 8, 2, 512, 1024);
        var arm = new OverlapLayer("h800", model, 1024, 2, 0.05).Arm;
        Assert.Equal("h800 small, 1024, TP 2, std 0.05", arm.Name);
        Measurement Run(long seed)
        {
            var result = new Measurement(arm.Name, seed, "");
            arm.Run(seed, new TokenDataset(new ByteTokenizer(), []), result, _ => { }, CancellationToken.None);
            return result;
        }
        var (first, again) = (Run(3), Run(3));
        foreach (var measure in new[] { OverlapLayer.None, OverlapLayer.Chunked2, OverlapLayer.Chunked4, OverlapLayer.Comet })
        {
            Assert.True(first[measure] > 0);
            Assert.Equal(first[measure], again[measure]);
        }
        Assert.Equal(first[OverlapLayer.None] / first[OverlapLayer.Comet], first[OverlapLayer.SpeedUpNone], 9);
        Assert.True(first[OverlapLayer.SpeedUp] <= first[OverlapLayer.SpeedUpNone]);
        Assert.NotEqual(first[OverlapLayer.Comet], Run(4)[OverlapLayer.Comet]);
    }
}
