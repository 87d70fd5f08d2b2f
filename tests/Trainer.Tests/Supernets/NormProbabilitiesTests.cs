using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Tests.Supernets;

public class NormProbabilitiesTests
{
    private const int Examples = 40, Inputs = 6, Classes = 4;

    /// <summary>Gradients [example][class x input] of a softmax regression with random weights.</summary>
    private static readonly double[][] Gradients = Regression();

    private static readonly double[] Mean = [.. Enumerable.Range(0, Classes * Inputs).Select(i => Gradients.Average(gradient => gradient[i]))];

    private static readonly double[] Norms = [.. Gradients.Select(Norm)];

    [Fact]
    public void ProbabilitiesByNormsHaveTheLeastVarianceAndReweightingKeepsTheMean()
    {
        var (uniform, best) = (NormProbabilities.Of(Norms, 0), NormProbabilities.Of(Norms, 1));
        var least = Math.Pow(Norms.Average(), 2) - Math.Pow(Norm(Mean), 2);
        Assert.Equal(1, Variance(best) / least, 1e-10);
        Assert.Equal(Norms.Average(norm => norm * norm) - Math.Pow(Norm(Mean), 2), Variance(uniform), 1e-12);
        Assert.True(Variance(best) < Variance(uniform));
        var random = new Random(5);
        for (var i = 0; i < 20; i++)
            Assert.True(Variance(NormProbabilities.Of([.. Norms.Select(_ => random.NextDouble())], 0.9)) >= Variance(best));
        foreach (var tau in new[] { 0, 0.3, 0.9, 1 })
        {
            var probabilities = NormProbabilities.Of(Norms, tau);
            for (var i = 0; i < Mean.Length; i++)
                Assert.Equal(Mean[i], Enumerable.Range(0, Examples).Sum(e => probabilities[e] * NormProbabilities.WeightOf(probabilities[e], Examples) * Gradients[e][i]), 1e-12);
        }
    }

    [Fact]
    public void TheMeanOfDrawnGradientsIsTheGradient()
    {
        const int draws = 20_000;
        var probabilities = NormProbabilities.Of(Norms, 0.8);
        var cumulative = NormProbabilities.Cumulative(probabilities);
        var (sum, squares, counts) = (new double[Mean.Length], new double[Mean.Length], new int[Examples]);
        for (var draw = 0; draw < draws; draw++)
        {
            var example = NormProbabilities.Draw(cumulative, StatelessRandom.Next(3, draw));
            counts[example]++;
            for (var i = 0; i < Mean.Length; i++)
            {
                var value = NormProbabilities.WeightOf(probabilities[example], Examples) * Gradients[example][i];
                sum[i] += value;
                squares[i] += value * value;
            }
        }
        for (var i = 0; i < Mean.Length; i++)
        {
            var mean = sum[i] / draws;
            Assert.InRange(Math.Abs(mean - Mean[i]), 0, 4 * Math.Sqrt(((squares[i] / draws) - (mean * mean)) / draws));
        }
        for (var e = 0; e < Examples; e++)
            Assert.InRange(Math.Abs(counts[e] - (draws * probabilities[e])), 0, 5 * Math.Sqrt(draws * probabilities[e]));
    }

    [Fact]
    public void TheyLieBetweenUniformAndTheNorms()
    {
        double[] norms = [0, 1, 3];
        Assert.Equal([1 / 3.0, 1 / 3.0, 1 / 3.0], NormProbabilities.Of(norms, 0));
        Assert.Equal([0, 0.25, 0.75], NormProbabilities.Of(norms, 1));
        var between = NormProbabilities.Of(norms, 0.6);
        Assert.Equal(1, between.Sum(), 1e-12);
        Assert.All(between, p => Assert.True(p >= 0.4 / 3));
        Assert.Equal([0.5, 0.5], NormProbabilities.Of([0, 0], 0.7));
        Assert.Equal(3, NormProbabilities.EffectiveSize(NormProbabilities.Of(norms, 0)), 1e-12);
        Assert.Equal(1.6, NormProbabilities.EffectiveSize(NormProbabilities.Of(norms, 1)), 1e-12);
    }

    [Fact]
    public void WhatHasNoProbabilityIsNotDrawnAndHasNoWeight()
    {
        var cumulative = NormProbabilities.Cumulative([0, 0.5, 0, 0.5, 0]);
        Assert.Equal([1, 3], Enumerable.Range(0, 200).Select(i => NormProbabilities.Draw(cumulative, StatelessRandom.Next(1, i))).Distinct().Order());
        Assert.Equal(1, NormProbabilities.Draw(cumulative, 0));
        Assert.Equal(3, NormProbabilities.Draw(cumulative, 1UL << 63));
        Assert.Equal(3, NormProbabilities.Draw(cumulative, ulong.MaxValue));
        Assert.Contains("probabilities above 0", Assert.Throws<UserError>(() => NormProbabilities.WeightOf(0, 5)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EpochsCountStepsAndTheShareOfNormsGrows()
    {
        var epochs = SamplingEpochs.Of(examples: 100, examplesPerStep: 30, steps: 19, tauMax: 1);
        Assert.Equal((4, 5), (epochs.StepsPerEpoch, epochs.Epochs));
        Assert.Equal([3, 7, 11, 15], Enumerable.Range(0, 19).Where(epochs.EndsWith));
        Assert.Equal([0, 0.2, 0.4, 0.6, 0.8], Enumerable.Range(0, 5).Select(epochs.TauAt));
        Assert.Equal(0.5, (epochs with { TauMax = 0.5 }).TauAt(4));
        Assert.Equal((1, 7), (SamplingEpochs.Of(5, 64, 7, 1).StepsPerEpoch, SamplingEpochs.Of(5, 64, 7, 1).Epochs));
        Assert.Throws<ArgumentOutOfRangeException>(() => SamplingEpochs.Of(100, 30, 0, 1));
    }

    /// <summary>Of the estimate by one reweighted example, summed over coordinates, by its definition.</summary>
    private static double Variance(double[] probabilities) =>
        Enumerable.Range(0, Examples).Sum(e => probabilities[e] * Enumerable.Range(0, Mean.Length).Sum(i => Math.Pow((Gradients[e][i] / (Examples * probabilities[e])) - Mean[i], 2)));

    private static double Norm(double[] vector) => Math.Sqrt(vector.Sum(value => value * value));

    private static double[][] Regression()
    {
        var random = new Random(1);
        var weights = Enumerable.Range(0, Classes).Select(_ => Enumerable.Range(0, Inputs).Select(_ => random.NextDouble() - 0.5).ToArray()).ToArray();
        return [.. Enumerable.Range(0, Examples).Select(example =>
        {
            double[] input = [.. Enumerable.Range(0, Inputs).Select(_ => random.NextDouble() * 3)];
            double[] scores = [.. weights.Select(row => Math.Exp(row.Zip(input, (w, x) => w * x).Sum()))];
            return Enumerable.Range(0, Classes).SelectMany(c => input.Select(x => x * ((scores[c] / scores.Sum()) - (c == example % Classes ? 1 : 0)))).ToArray();
        })];
    }
}
