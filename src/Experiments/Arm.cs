using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments;

/// <summary>One of the things that an experiment compares: a method with its settings, run once for each seed.</summary>
/// <param name="name">Short; shown in tables and part of file names.</param>
/// <param name="description">Its sizes and settings in words.</param>
public abstract class Arm(string name, string description)
{
    public string Name { get; } = name;

    public string Description { get; } = description;

    /// <summary>True when several experiments have the arm: its runs are stored once for all of them.</summary>
    public virtual bool IsShared => false;

    /// <summary>Length of a run, for the progress bar.</summary>
    public abstract int Steps { get; }

    /// <summary>A hash of all settings that a run's numbers depend on.</summary>
    public abstract string Fingerprint(long seed, DataOptions data);

    /// <summary>Runs the arm and writes what it measures into <paramref name="result"/>.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="data">The text.</param>
    /// <param name="result">Takes the numbers.</param>
    /// <param name="progress">Told after each step how many are done.</param>
    /// <param name="cancel">Stops between two steps.</param>
    public abstract void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel);
}
