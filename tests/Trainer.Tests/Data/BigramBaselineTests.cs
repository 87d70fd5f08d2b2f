using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

public class BigramBaselineTests
{
    [Fact]
    public void ProbabilitiesSumToOneAlsoAfterUnseenTokens()
    {
        var bigram = new BigramBaseline([0, 1, 2, 1, 0, 1, 3, 3, 1], 6);
        for (var previous = 0; previous < 6; previous++)
            Assert.Equal(1, Enumerable.Range(0, 6).Sum(next => bigram.Probability(previous, next)), 1e-12);
    }

    [Fact]
    public void TheProbabilityIsThatOfTheFormula()
    {
        var bigram = new BigramBaseline([0, 1, 0, 1, 0, 2], 3);
        // c(0) = 3 with followers 1, 1, 2: n(0) = 2; p(1) = (2 + 1) / (6 + 3)
        Assert.Equal((2 + 2 * (3.0 / 9)) / (3 + 2), bigram.Probability(0, 1), 1e-12);
        Assert.Equal(-Math.Log(bigram.Probability(0, 1)) / 2 - Math.Log(bigram.Probability(1, 0)) / 2, bigram.NatsPerToken([0, 1, 0]), 1e-12);
    }

    [Fact]
    public void ATextWithOrderIsPredictedBetterThanOneWithout()
    {
        int[] ordered = [.. Enumerable.Range(0, 1000).Select(i => i % 7)];
        var random = new Random(1);
        int[] shuffled = [.. ordered.Select(_ => random.Next(7))];
        Assert.InRange(new BigramBaseline(ordered, 7).NatsPerToken(ordered), 0, 0.1);
        Assert.InRange(new BigramBaseline(shuffled, 7).NatsPerToken(shuffled), 1.8, Math.Log(7));
    }
}
