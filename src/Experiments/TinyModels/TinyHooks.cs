using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>What happens while a <see cref="TinyLm"/> trains.</summary>
public sealed record TinyHooks
{
    /// <summary>Where <see cref="Check"/> is called, as fractions of the steps (0.5 for half of them), ascending.</summary>
    public IReadOnlyList<double> CheckAt { get; init; } = [];

    /// <summary>Looks at the model in training, given the fraction.</summary>
    public Action<TinyRun, double>? Check { get; init; }

    /// <summary>Called before the first step, where initial weights may be set or measured.</summary>
    public Action<TinyRun>? Start { get; init; }

    /// <summary>Makes the steps, after <see cref="Start"/>; null: those of a language model.</summary>
    public Func<TinyRun, ITrainingStep>? Training { get; init; }

    /// <summary>Told after each step how many are done.</summary>
    public Action<int>? Progress { get; init; }
}
