using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Placement.Tests.Sharding;

public sealed class LoadEstimatorTests
{
    [Fact]
    public void TheEstimateIsTheMeanOfTheLastIterations()
    {
        var counts = SomeShards.Counts(12, 2, 3, seed: 1);
        var estimator = new LoadEstimator(5, 2, 3);
        Assert.Null(estimator.Estimate);
        for (var i = 0; i < counts.Iterations; i++)
        {
            estimator.Add(counts[i]);
            var last = Enumerable.Range(Math.Max(0, i - 4), Math.Min(5, i + 1)).ToArray();
            for (var l = 0; l < 2; l++)
            {
                for (var e = 0; e < 3; e++)
                    Assert.Equal(last.Average(k => counts[k][l][e]), estimator.Estimate![l][e], 9);
            }
        }
    }

    [Fact]
    public void AWindowOfNothingIsRefused() =>
        Assert.Contains("at least 1 is right", Assert.Throws<UserError>(() => new LoadEstimator(0, 1, 1)).Message);
}
