using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Searches;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Tests.Searches;

public class LatencyArmTests
{
    [Fact]
    public void EveryArchitectureIsTimedOnceAndTheUnseenTwice()
    {
        var (arm, result, done) = (new LatencyArm("latency", EnumeratedSupernet.DigitSpace, 12, 4), new Measurement("latency", 1, ""), new List<int>());
        arm.Run(1, new TokenDataset(new ByteTokenizer(), []), result, done.Add, default);
        Assert.Equal(Enumerable.Range(1, 12 + 4 + 4), done);
        Assert.Equal(done.Count, arm.Steps);
        foreach (var measure in new[] { LatencyArm.Predicted, LatencyArm.Flops, LatencyArm.Repeated })
            Assert.InRange(result[measure], -1, 1);
        Assert.InRange(result[LatencyArm.Error], 0, double.MaxValue);
    }
}
