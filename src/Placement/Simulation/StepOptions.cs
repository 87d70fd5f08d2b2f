using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Simulation;

/// <summary>What a <see cref="StepSimulator"/> is to simulate.</summary>
public sealed record StepOptions
{
    /// <summary>How layers hide communication.</summary>
    public OverlapPolicy Policy { get; init; } = OverlapPolicy.None;

    /// <summary>Tokens of a step over all GPUs, drawn from the given ones with replacement.</summary>
    public int BatchTokens { get; init; } = 1024;

    /// <summary>Steps that are simulated, each with other tokens.</summary>
    public int Steps { get; init; } = 20;

    /// <summary>Seed of the tokens and of the slow GPUs; plans that are simulated with one seed meet the same batches.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>How many GPUs, drawn anew in each step, compute slower than the others.</summary>
    public int SlowGpus { get; init; }

    /// <summary>How many times slower; 1: not at all.</summary>
    public double SlowFactor { get; init; } = 1.5;

    /// <summary>Whether a token goes to a GPU once, however many of its experts are there, and comes back once.</summary>
    public bool MergeCopies { get; init; } = true;

    /// <summary>Tiles of the products.</summary>
    public TileSize Tile { get; init; } = TileSize.Usual;

    /// <summary>Tuned divisions of the blocks for Comet; null: they are tuned on the first step.</summary>
    public OverlapProfile? Profile { get; init; }

    /// <summary>These options, or an error.</summary>
    /// <exception cref="UserError">One of them cannot be.</exception>
    public StepOptions Checked(int gpus)
    {
        Tile.Checked();
        return BatchTokens < 1 || Steps < 1 ? throw new UserError($"{Steps} steps of {BatchTokens} tokens are nothing to simulate; both must be at least 1.")
            : SlowGpus < 0 || SlowGpus > gpus || !(SlowFactor >= 1) || !double.IsFinite(SlowFactor) ? throw new UserError($"{SlowGpus} of {gpus} GPUs cannot be {SlowFactor} times slower; 0 to {gpus} GPUs and a factor of at least 1 are right.")
            : this;
    }
}
