using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// One architecture a step, whose genes have a mean that falls from their largest number to their smallest and rises again, over and over (Yi et al. 2024,
/// LLM-QFA, arXiv 2405.20202): genes drawn uniformly would hardly ever be all small or all large. The genes are drawn independently, with as much entropy as the
/// mean allows.
/// </summary>
/// <param name="space">Of genes that are numbers, ascending.</param>
/// <param name="period">Steps from one maximum to the next.</param>
/// <param name="seed">Of the draws.</param>
public sealed class BalancedPaths(SearchSpace space, int period, long seed) : PathSampler
{
    private readonly double[][] _numbers = [.. space.Groups.SelectMany(group => Enumerable.Repeat(Enumerable.Range(0, group.Choices.Count).Select(group.Number).ToArray(), group.Count))];

    public override IReadOnlyList<Architecture> Sample(int step)
    {
        var level = Level(step, period);
        return [space.Of([.. _numbers.Select((numbers, gene) => Tilt.Draw(Tilt.Of(numbers, numbers[0] + ((numbers[^1] - numbers[0]) * level)), Uniform(step, gene)))])];
    }

    /// <summary>Where the mean is between the smallest number (0) and the largest (1).</summary>
    public static double Level(int step, int period) => Math.Abs((2.0 * (step % period) / period) - 1);

    private double Uniform(int step, int gene) => (StatelessRandom.Next(seed, PathDraw, step, gene) >> 11) / (double)(1L << 53);
}
