using OnnxMoe.Placement.Generalization;

namespace OnnxMoe.Placement.Tests.Generalization;

public sealed class RecommendationTests
{
    [Fact]
    public void TheSimplestThatIsNotSignificantlyWorseIsRecommended()
    {
        SplitScores[] scores = [new("simple", [1, 1, 1], [1, 1.01, 0.99]), new("middle", [0.8, 0.8, 0.8], [0.81, 0.79, 0.80]), new("best", [0.7, 0.7, 0.7], [0.80, 0.785, 0.805])];
        Assert.Equal("middle", Recommendation.Of(scores)!.Method);
        Assert.Contains(Recommendation.Warnings(scores), w => w.StartsWith("best is better than middle by 0.1000", StringComparison.Ordinal));
        Assert.DoesNotContain(Recommendation.Warnings(scores), w => w.StartsWith("middle", StringComparison.Ordinal));
    }

    [Fact]
    public void AClearWinnerIsRecommended()
    {
        SplitScores[] scores = [new("simple", [1, 1, 1], [1, 1.01, 0.99]), new("best", [0.7, 0.7, 0.7], [0.70, 0.72, 0.71])];
        Assert.Equal("best", Recommendation.Of(scores)!.Method);
        Assert.Empty(Recommendation.Warnings(scores));
    }

    [Fact]
    public void OneSplitProvesNothing()
    {
        SplitScores[] scores = [new("simple", [1], [1]), new("best", [0.1], [0.1])];
        Assert.Equal("simple", Recommendation.Of(scores)!.Method);
    }

    [Fact]
    public void TheIntervalIsStudents()
    {
        // Differences 1, 2, 3: mean 2, deviation 1, standard error 0.577, t(2) = 4.30.
        var (mean, half) = new SplitScores("a", [], [2, 3, 4]).Minus(new SplitScores("b", [], [1, 1, 1]));
        Assert.Equal(2, mean, 1e-12);
        Assert.Equal(4.30 / Math.Sqrt(3), half, 1e-12);
    }
}
