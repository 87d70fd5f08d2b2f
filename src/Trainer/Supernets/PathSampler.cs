using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>The architectures that a training step runs.</summary>
public abstract class PathSampler
{
    /// <summary>Those of a step, counted from 0; the same whenever they are asked for.</summary>
    public abstract IReadOnlyList<Architecture> Sample(int step);

    /// <exception cref="ArgumentException">There is no such way.</exception>
    public static PathSampler Of(SupernetOptions options, SearchSpace space, long seed) => options.Paths switch
    {
        "uniform" => new UniformPaths(space, options.RandomPaths, seed),
        "sandwich" => new SandwichPaths(space, options.RandomPaths, seed),
        _ => throw new ArgumentException($"There is no way '{options.Paths}' to sample architectures."),
    };

    /// <summary>Architectures drawn uniformly, a pure function of seed and step.</summary>
    protected static IEnumerable<Architecture> Draw(SearchSpace space, int count, long seed, int step) =>
        Enumerable.Range(0, count).Select(i => space.Of([.. space.Choices.Select((choices, gene) => (int)(StatelessRandom.Next(seed, step, i, gene) % (ulong)choices))]));
}
