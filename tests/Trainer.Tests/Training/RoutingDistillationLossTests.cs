using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Training;

public class RoutingDistillationLossTests
{
    private const int Tokens = 7, Units = 24, Experts = 3, Own = 11;

    [Fact]
    public void TheScoresAreThoseOfAPlainLoop()
    {
        var (activations, masks) = Draw(1);
        var expected = new double[Tokens, Experts];
        for (var t = 0; t < Tokens; t++)
        {
            var falling = activations[t].OrderDescending().ToArray();
            foreach (var k in new[] { 10, 8, 6, 4, 2 }) // of M = 11
                for (var unit = 0; unit < Units; unit++)
                    for (var e = 0; e < Experts; e++)
                        expected[t, e] += activations[t][unit] > falling[k] && masks[e][unit] == 1 ? 1 / (3.0 * Own) : 0;
        }
        var mean = expected.Cast<double>().Average();
        var scores = RoutingDistillationLoss.RankScores(Tensor(activations), Tensor(masks)).data<float>().ToArray();
        for (var i = 0; i < scores.Length; i++)
            Assert.Equal(10 * (expected[i / Experts, i % Experts] - mean), scores[i], 1e-4);
    }

    /// <summary>A large negative activation is used by the masks, but counts as the smallest of all in the ranks.</summary>
    [Fact]
    public void RanksLookAtTheSignAndOverlapsDoNot()
    {
        var (activations, masks) = Draw(2);
        var negative = Tensor(activations);
        for (var t = 0; t < Tokens; t++)
            negative[t, 0] = -100;
        var positive = negative.clone();
        for (var t = 0; t < Tokens; t++)
            positive[t, 0] = 100;
        for (var e = 0; e < Experts; e++)
            masks[e][0] = e == 0 ? 1 : 0;
        var own = Tensor(masks);
        Assert.NotEqual(Floats(RoutingDistillationLoss.RankScores(negative, own)), Floats(RoutingDistillationLoss.RankScores(positive, own)));
        Assert.Equal(Floats(RoutingDistillationLoss.OverlapScores(negative, own)), Floats(RoutingDistillationLoss.OverlapScores(positive, own)));
    }

    [Fact]
    public void AnOverlapIsTheShareOfTheLargestHalfThatAnExpertKeeps()
    {
        using var activations = tensor(new[] { 1f, -5, 2, 0.5f }, [1, 4]);
        using var kept = tensor(new[] { 0f, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1 }, [3, 4]);
        Assert.Equal([1, 0.5f, 0], Floats(RoutingDistillationLoss.OverlapScores(activations, kept)));
    }

    [Theory]
    [InlineData(1)] // every set of so few units is empty or of one unit
    [InlineData(4)]
    public void ExpertsOfFewUnitsHaveScores(int own)
    {
        var masks = Draw(3, own).Masks;
        Assert.All(Floats(RoutingDistillationLoss.RankScores(Tensor(Draw(3).Activations), Tensor(masks))), score => Assert.True(float.IsFinite(score)));
    }

    private static (float[][] Activations, float[][] Masks) Draw(int seed, int own = Own)
    {
        var random = new Random(seed);
        float[][] Rows(int rows, Func<int, float> value) => [.. Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, Units).Select(value).ToArray())];
        var masks = Rows(Experts, _ => 0);
        foreach (var mask in masks)
            foreach (var unit in Enumerable.Range(0, Units).OrderBy(_ => random.Next()).Take(own))
                mask[unit] = 1;
        return (Rows(Tokens, _ => random.NextSingle() * 2 - 1), masks);
    }

    private static Tensor Tensor(float[][] rows) => tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length]);

    private static float[] Floats(Tensor tensor) => tensor.contiguous().data<float>().ToArray();
}
