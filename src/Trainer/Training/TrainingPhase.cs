namespace OnnxMoe.Trainer.Training;

/// <summary>One of the things that an <see cref="AlternatingTrainer"/> does in turn.</summary>
/// <param name="Steps">Steps in a round.</param>
/// <param name="LearningRate">Peak of the first round.</param>
/// <param name="Optimizer">Of the weights that it trains, and of no other phase's; null where it trains none.</param>
/// <param name="Run">Makes a step of a number, counted from 0 over all phases, at a learning rate.</param>
public sealed record TrainingPhase(int Steps, double LearningRate, WeightOptimizer? Optimizer, Func<int, double, StepMetrics> Run);
