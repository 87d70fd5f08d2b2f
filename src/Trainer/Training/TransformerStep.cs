using System.Diagnostics;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// One optimizer step of a transformer on its task: forward passes, cross-entropy or distillation, backward, AdamW. Of a supernet each batch is run by several
/// architectures, whose gradients are summed.
/// </summary>
public sealed class TransformerStep(TransformerModel model, TokenTask task, WeightOptimizer optimizer, TrainerOptions options, long seed, Device? device) : ITrainingStep
{
    private readonly TorchOps _ops = new(training: true, device);

    /// <summary>The model as a supernet; null: it is none.</summary>
    public ISupernet? Supernet { get; init; }

    /// <summary>The architectures of a step, of a supernet.</summary>
    public PathSampler? Paths { get; init; }

    /// <summary>What is learnt in place of the data's targets; null: these.</summary>
    public Distillation? Distillation { get; init; }

    /// <summary>Makes step number <paramref name="step"/>, counted from 0. Its batches and architectures depend on the seed and the step alone.</summary>
    public StepMetrics Run(int step)
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var (loss, tokens) = (0.0, 0L);
        var auxiliary = new SortedDictionary<string, double>(StringComparer.Ordinal);
        Architecture?[] architectures = Paths is null ? [null] : [.. Paths.Sample(step)];
        for (var part = 0; part < options.Accumulation; part++)
        {
            using var partScope = NewDisposeScope();
            var batch = task.Batch(seed, step, part, options.BatchSize);
            var taught = Distillation?.Teach(batch, device);
            foreach (var architecture in architectures)
            {
                using var passScope = NewDisposeScope();
                if (architecture is not null)
                    Supernet!.Active = architecture;
                var context = new ForwardContext(_ops) { SequenceLength = batch.Tokens.Length, Progress = (double)step / options.Steps };
                var objective = taught is null
                    ? TransformerLoss.Of(TransformerLoss.Logits(model, batch, context), batch, options.LabelSmoothing)
                    : Distillation!.Loss(model, batch, taught, _ops);
                loss += objective.item<float>() / (options.Accumulation * architectures.Length);
                Objective.Backward(objective, context, options.Accumulation, auxiliary);
                tokens += batch.Tokens.Inputs.Length;
            }
        }
        var learningRate = LearningRate.At(options, step);
        var norm = optimizer.Step(learningRate);
        return new StepMetrics(loss, auxiliary, norm, learningRate, tokens / clock.Elapsed.TotalSeconds);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => optimizer.Moments();

    public void SetSteps(int steps) => optimizer.SetSteps(steps);

    public void Dispose() => optimizer.Dispose();
}
