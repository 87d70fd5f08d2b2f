using OnnxMoe.Experiments.Tests.Support;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Tests.Verdicts;

public sealed class ClaimTests
{
    private static readonly Claim Plain = new(ClaimKind.Primary, "better", "a minus b");

    [Theory]
    [InlineData(Verdict.Reproduced, 1.0, 1.1, 0.9)]
    [InlineData(Verdict.Contradicted, -1.0, -1.1, -0.9)]
    [InlineData(Verdict.Inconclusive, 1.0, -1.1, 0.9)]
    [InlineData(Verdict.Reproduced, 3.0, -1.0, 3.0)] // mean 1.67, standard error 1.33
    [InlineData(Verdict.Inconclusive, 2.0, -1.0, 0.0)] // mean 0.33, standard error 0.88
    public void TheMeanIsComparedWithItsStandardError(Verdict expected, params double[] values) => Assert.Equal(expected, Plain.Judge(Some.Differences(values)).Verdict);

    [Fact]
    public void TheStandardErrorIsThatOfTheMean()
    {
        var difference = Some.Differences(1, 2, 3, 6);
        Assert.Equal(3, difference.Mean, 12);
        Assert.Equal(Math.Sqrt((4 + 1 + 0 + 9) / 3.0 / 4.0), difference.StandardError, 12);
    }

    [Fact]
    public void OneSeedIsInconclusive()
    {
        var result = Plain.Judge(Some.Differences(5));
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains("one seed", result.Note);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void ARunThatFailedLeavesTheClaimOpenAndIsNamed(double failed)
    {
        var result = Plain.Judge(Some.Differences(5, failed, 5));
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains("seed 2", result.Note);
    }

    [Fact]
    public void EqualArmsReproduceNothing()
    {
        var result = Plain.Judge(Some.Differences(0, 0, 0));
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains("no difference at all", result.Note);
    }

    [Fact]
    public void TheSameDifferenceAtEverySeedHasNoErrorAndSaysSo()
    {
        var result = Plain.Judge(Some.Differences(0.1, 0.1, 0.1));
        Assert.Equal((Verdict.Reproduced, 0.0), (result.Verdict, result.Difference.StandardError));
        Assert.Contains("standard error is 0", result.Note);
    }

    [Fact]
    public void AMarginMustBeExceeded()
    {
        var claim = Plain with { Margin = 0.5 };
        Assert.Equal(Verdict.Reproduced, claim.Judge(Some.Differences(0.7, 0.8, 0.75)).Verdict);
        Assert.Equal(Verdict.Contradicted, claim.Judge(Some.Differences(0.1, 0.2, 0.15)).Verdict);
        Assert.Equal(Verdict.Contradicted, claim.Judge(Some.Differences(0, 0, 0)).Verdict);
    }

    [Fact]
    public void EverySeedMeansEverySeed()
    {
        var claim = Plain with { EverySeed = true };
        Assert.Equal(Verdict.Reproduced, claim.Judge(Some.Differences(1, 2, 3)).Verdict);
        var open = claim.Judge(Some.Differences(3, 3, -0.1));
        Assert.Equal(Verdict.Inconclusive, open.Verdict);
        Assert.Contains("seed 3", open.Note);
        Assert.Equal(Verdict.Reproduced, Plain.Judge(open.Difference).Verdict);
    }

    [Fact]
    public void NoWorseAllowsOneStandardError()
    {
        var claim = Plain with { NoWorse = true };
        Assert.Equal(Verdict.Reproduced, claim.Judge(Some.Differences(-0.1, 0.1, -0.05)).Verdict);
        Assert.Equal(Verdict.Contradicted, claim.Judge(Some.Differences(-0.1, -0.11, -0.1)).Verdict);
        Assert.Equal(Verdict.Reproduced, claim.Judge(Some.Differences(0, 0)).Verdict);
        Assert.Equal(Verdict.Inconclusive, claim.Judge(Some.Differences(-0.1)).Verdict);
    }

    [Fact]
    public void AReportedClaimIsNotJudged()
    {
        var result = (Plain with { Kind = ClaimKind.Report }).Judge(Some.Differences(1, 1.1));
        Assert.Null(result.Verdict);
        Assert.Null(result.Open("collapsed").Verdict);
    }

    [Theory]
    [InlineData(Verdict.Contradicted, Verdict.Reproduced, Verdict.Contradicted, Verdict.Inconclusive)]
    [InlineData(Verdict.Inconclusive, Verdict.Reproduced, Verdict.Inconclusive)]
    [InlineData(Verdict.Reproduced, Verdict.Reproduced, Verdict.Reproduced)]
    public void PrimaryClaimsDecideTogether(Verdict expected, params Verdict[] primary)
    {
        var claims = primary.Select(verdict => new ClaimResult(Plain, Some.Differences(1), verdict, ""))
            .Append(new ClaimResult(Plain with { Kind = ClaimKind.Secondary }, Some.Differences(1), Verdict.Contradicted, "")).ToArray();
        Assert.Equal(expected, new ExperimentResult("", [], [], claims, "").Verdict);
        Assert.Null(new ExperimentResult("", [], [], claims[^1..], "").Verdict);
    }
}
