using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>The architectures that a training step runs.</summary>
public abstract class PathSampler
{
    /// <summary>Part of a key of random numbers, so that architectures are drawn apart from the batches of the same seed and step.</summary>
    protected const long PathDraw = 1_001;

    /// <summary>What the sampler learned, by name; the tensors are the live ones.</summary>
    public virtual IEnumerable<(string Name, Tensor Moment)> State => [];

    /// <summary>Those of a step, counted from 0; the same whenever they are asked for before it is made.</summary>
    public abstract IReadOnlyList<Architecture> Sample(int step);

    /// <summary>What the loss of an architecture is multiplied by.</summary>
    public virtual double WeightOf(Architecture architecture) => 1;

    /// <summary>Called when the gradients of a step are clipped and not yet applied.</summary>
    /// <param name="step">Its number.</param>
    /// <param name="run">The step's architectures.</param>
    /// <param name="metrics">Takes numbers for metrics.jsonl.</param>
    public virtual void Observe(int step, IReadOnlyList<Architecture> run, IDictionary<string, double> metrics)
    {
    }

    /// <exception cref="ArgumentException">There is no such way.</exception>
    public static PathSampler Of(SupernetOptions options, SearchSpace space, long seed) => options.Paths switch
    {
        "uniform" => new UniformPaths(space, options.RandomPaths, seed),
        "balanced" => new BalancedPaths(space, options.Period, seed),
        "fair" => new FairPaths(space, seed),
        "sandwich" => new SandwichPaths(space, options.RandomPaths, seed),
        _ => throw new ArgumentException($"There is no way '{options.Paths}' to sample architectures."),
    };

    /// <summary>Architectures drawn uniformly, a pure function of seed and step.</summary>
    /// <param name="space">Where from.</param>
    /// <param name="part">Of which sub-space; of a space that is not divided, 0.</param>
    /// <param name="count">How many.</param>
    /// <param name="seed">Of the run.</param>
    /// <param name="step">Number of the step.</param>
    /// <param name="others">Those that are run already; drawn ones differ from them and from each other, as far as the space has enough.</param>
    protected static IReadOnlyList<Architecture> Draw(SearchSpace space, int part, int count, long seed, int step, params IReadOnlyList<Architecture> others)
    {
        const int attempts = 20;
        var drawn = new List<Architecture>();
        for (var i = 0; drawn.Count < count; i++)
        {
            var genes = space.Choices.Select((choices, gene) => (int)(StatelessRandom.Next(seed, PathDraw, step, i, gene) % (ulong)choices)).ToArray();
            var architecture = SubSpaces.In(space, part, genes);
            if (i >= attempts || !(drawn.Contains(architecture) || others.Contains(architecture)))
                drawn.Add(architecture);
        }
        return drawn;
    }
}
