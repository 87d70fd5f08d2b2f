using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Tests.Generation;

public sealed class SamplerTests
{
    private const int EndOfText = 4;
    private static readonly float[] Logits = [1, 3, 2, 0, -1]; // best first: 1 2 0 3 4

    private static HashSet<int> Drawn(SamplingSettings settings, int[]? prompt = null) =>
        [.. Enumerable.Range(0, 400).Select(seed => new Sampler(settings with { Seed = (ulong)seed }, prompt ?? [0], EndOfText).Next(Logits))];

    [Fact]
    public void TemperatureZeroTakesTheBestAndTheFirstOfEqualOnes()
    {
        Assert.Equal([1], Drawn(new() { Temperature = 0 }));
        Assert.Equal(1, new Sampler(new() { Temperature = 0 }, [0], EndOfText).Next([0, 5, 5]));
    }

    [Fact]
    public void FrequenciesAreTheSoftmax()
    {
        var settings = new SamplingSettings { Temperature = 2, Seed = 9 };
        var sampler = new Sampler(settings, [0], EndOfText);
        var counts = new int[5];
        for (var i = 0; i < 20000; i++)
            counts[sampler.Next(Logits)]++;
        var weights = Logits.Select(logit => Math.Exp(logit / 2)).ToArray();
        for (var i = 0; i < 5; i++)
            Assert.Equal(weights[i] / weights.Sum(), counts[i] / 20000.0, 0.015);
    }

    [Fact]
    public void TheCutsKeepTheBestTokens()
    {
        Assert.Equal([1, 2], Drawn(new() { TopK = 2, Temperature = 5 }).Order());
        Assert.Equal([1], Drawn(new() { TopP = 0 }));
        Assert.Equal([1, 2], Drawn(new() { TopP = 0.7 }).Order()); // 0.636 + 0.234
        Assert.Equal([0, 1, 2], Drawn(new() { MinP = 0.1 }).Order()); // e^-2 = 0.135, e^-3 = 0.05
        Assert.Equal(5, Drawn(new() { Temperature = 5 }).Count);
    }

    /// <summary>Against cuts of the sorted list. Scores are of few values in every other case, so that many are equal.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(40, true)]
    [InlineData(1000, false)]
    [InlineData(5000, true)]
    public void TheCutsOfManyTokensAreThoseOfTheSortedOnes(int tokens, bool areCoarse)
    {
        var random = new Random(tokens);
        for (var round = 0; round < 20; round++)
        {
            var scores = Enumerable.Range(0, tokens).Select(_ => areCoarse ? random.Next(12) : 30 * random.NextSingle()).ToArray();
            var all = new double[tokens];
            TokenWeights.Write(scores, 1.5, all);
            var order = Enumerable.Range(0, tokens).OrderByDescending(token => scores[token]).ToArray(); // stable
            Assert.Equal(scores.Select(score => Math.Exp(((double)score - scores.Max()) / 1.5)), all, (a, b) => Math.Abs(a - b) < 1e-12);

            var count = 1 + random.Next(tokens);
            var largest = all.ToArray();
            TokenWeights.KeepLargest(largest, count);
            Assert.Equal(Kept(count), largest);

            var fraction = random.NextDouble();
            var nucleus = all.ToArray();
            TokenWeights.KeepNucleus(nucleus, fraction);
            var (sum, needed) = (0.0, 0);
            while (needed == 0 || sum < fraction * all.Sum() - 1e-9)
                sum += all[order[needed++]];
            Assert.Equal(Kept(needed), nucleus);

            double[] Kept(int first)
            {
                var kept = order.Take(first).ToHashSet();
                return [.. all.Select((weight, token) => kept.Contains(token) ? weight : 0)];
            }
        }
    }

    [Fact]
    public void TokensThatNoDrawWouldMeetCountAsNone()
    {
        var weights = new double[4];
        TokenWeights.Write([5, 0, 4.5f, -1], 0.1, weights);
        Assert.Equal([1, 0, Math.Exp(-5), 0], weights, (a, b) => Math.Abs(a - b) < 1e-12);
        var before = weights.ToArray();
        TokenWeights.KeepLargest(weights, 3);
        TokenWeights.KeepNucleus(weights, 1);
        Assert.Equal(before, weights);
    }

    [Fact]
    public void ScoresThatAreNoNumbersGiveAToken()
    {
        foreach (var logits in new float[][] { [float.NaN, 1, 2], [float.NegativeInfinity, float.NegativeInfinity], [float.PositiveInfinity, 0] })
            foreach (var settings in new SamplingSettings[] { new() { Temperature = 0 }, new(), new() { TopK = 1 }, new() { TopP = 0.5 }, new() { MinP = 0.5 } })
                Assert.InRange(new Sampler(settings, [0], 0).Next(logits), 0, logits.Length - 1);
    }

    [Fact]
    public void BiasAndMinTokensChangeTheChoice()
    {
        Assert.Equal([3], Drawn(new() { Temperature = 0, LogitBias = new Dictionary<int, float> { [3] = 100 } }));
        var toEnd = new SamplingSettings { Temperature = 0, MinTokens = 1, LogitBias = new Dictionary<int, float> { [EndOfText] = 100 } };
        var sampler = new Sampler(toEnd, [0], EndOfText);
        Assert.Equal(1, sampler.Next(Logits));
        Assert.Equal(EndOfText, sampler.Next(Logits));
    }

    [Fact]
    public void PenaltiesLookAtTheTokensSoFar()
    {
        Assert.Equal([1, 2, 1], Three(new() { Temperature = 0, PresencePenalty = 1.5 }));
        Assert.Equal([1, 2, 1], Three(new() { Temperature = 0, FrequencyPenalty = 1.5 }));
        Assert.Equal([2], Drawn(new() { Temperature = 0, RepetitionPenalty = 2 }, prompt: [1]));
        Assert.Equal([1], Drawn(new() { Temperature = 0, PresencePenalty = 2 }, prompt: [1])); // only the output counts

        static int[] Three(SamplingSettings settings)
        {
            var sampler = new Sampler(settings, [0], EndOfText);
            return [sampler.Next(Logits), sampler.Next(Logits), sampler.Next(Logits)];
        }
    }

    [Fact]
    public void LogProbsSumToOne()
    {
        var score = LogProbs.Of(Logits, 2, 5);
        Assert.Equal([1, 2, 0, 3, 4], score.Top.Select(top => top.Token));
        Assert.Equal(1, score.Top.Sum(top => Math.Exp(top.LogProb)), 1e-9);
        Assert.Equal(score.Top[1].LogProb, score.LogProb);
    }
}
