using System.Diagnostics;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>
/// One step of first-order DARTS (Liu et al. 2019, arXiv 1806.09055): the architecture weights on a batch of one half of the training data, then the network's
/// on a batch of the other. Normalizations use their batch's statistics, and keep none.
/// </summary>
/// <param name="model">With soft gates.</param>
/// <param name="halves">The training data.</param>
/// <param name="weights">Of the network's weights.</param>
/// <param name="alpha">Of the architecture's; null leaves them as they are.</param>
/// <param name="options">Batch size and rates.</param>
/// <param name="seed">Of the batches.</param>
/// <param name="device">Where the model is; null for the CPU.</param>
public sealed class DartsStep(CellClassifier model, TrainingHalves halves, WeightOptimizer weights, AlphaOptimizer? alpha, TrainerOptions options, long seed, Device? device) : ITrainingStep
{
    private readonly TorchOps _ops = new(training: true, device);

    /// <summary>Earlier states that teach; null: none.</summary>
    public SelfDistillation? Distillation { get; init; }

    public StepMetrics Run(int step) => Run(step, LearningRate.At(options, step));

    /// <summary>A step at a learning rate of the network's weights.</summary>
    public StepMetrics Run(int step, double learningRate)
    {
        var clock = Stopwatch.StartNew();
        var auxiliary = new SortedDictionary<string, double>(StringComparer.Ordinal);
        var passes = 1;
        using var scope = NewDisposeScope();
        if (alpha is { IsNeeded: true })
        {
            using var passScope = NewDisposeScope();
            var (entropy, divergence) = Loss(halves.Choice.Batch(seed, step, 1, options.BatchSize), step, Distillation is { OnAlpha: true });
            auxiliary["alpha_loss"] = entropy.item<float>();
            alpha.Step(divergence is null ? entropy : entropy + divergence);
            passes++;
        }
        var (loss, term) = Loss(halves.Weights.Batch(seed, step, 0, options.BatchSize), step, Distillation is not null);
        if (term is not null)
            auxiliary["distillation"] = term.item<float>();
        (term is null ? loss : loss + term).backward();
        var norm = weights.Step(learningRate);
        Distillation?.Observe(step);
        return new StepMetrics(loss.item<float>(), auxiliary, norm, learningRate, (double)options.BatchSize * halves.Weights.Length * passes / clock.Elapsed.TotalSeconds);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => [.. weights.Moments(), .. alpha?.Moments() ?? [], .. Distillation?.Moments() ?? []];

    public void SetSteps(int steps)
    {
        weights.SetSteps(steps);
        alpha?.SetSteps(steps);
        Distillation?.SetSteps(steps);
    }

    public void Dispose()
    {
        weights.Dispose();
        alpha?.Dispose();
    }

    private (Tensor Entropy, Tensor? Divergence) Loss(LabeledSequences batch, int step, bool distill)
    {
        var logits = ClassifierLoss.Logits(model, batch, new ForwardContext(_ops) { BatchStatistics = BatchStatistics.Unrecorded });
        return (ClassifierLoss.CrossEntropy(logits, batch), distill ? Distillation!.Loss(batch, logits, step) : null);
    }
}
