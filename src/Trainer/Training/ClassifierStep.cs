using System.Diagnostics;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>One optimizer step of a classifier: forward passes, cross-entropy plus router losses, backward, AdamW.</summary>
public sealed class ClassifierStep(Classifier model, WeightOptimizer optimizer, LabeledSequences data, TrainerOptions options, long seed, Device? device) : ITrainingStep
{
    private readonly TorchOps _ops = new(training: true, device);
    private readonly RunningStatistics _running = new();

    /// <summary>The architectures of a step, of a model that is a supernet: each gets the step's batch, and their losses are summed. Null: the model as it is.</summary>
    public PathSampler? Paths { get; init; }

    /// <summary>Draws the examples by what their gradients were; null: uniformly, by seed and step alone.</summary>
    public GradNormData? Examples { get; init; }

    /// <summary>Makes step number <paramref name="step"/>, counted from 0. Its batch depends on the seed and the step, and on what <see cref="Examples"/> learned, alone.</summary>
    public StepMetrics Run(int step) => Run(step, LearningRate.At(options, step));

    /// <summary>The same at a given learning rate.</summary>
    public StepMetrics Run(int step, double learningRate)
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var loss = 0.0;
        var auxiliary = new SortedDictionary<string, double>(StringComparer.Ordinal);
        Architecture?[] architectures = Paths is null ? [null] : [.. Paths.Sample(step)];
        for (var part = 0; part < options.Accumulation; part++)
        {
            var examples = Examples?.Sample(step, part, options.Accumulation, options.BatchSize);
            var batch = examples is null ? data.Batch(seed, step, part, options.BatchSize) : data.Take(examples);
            foreach (var architecture in architectures)
            {
                using var passScope = NewDisposeScope();
                if (architecture is not null)
                    ((ISupernet)model).Active = architecture;
                var context = new ForwardContext(_ops) { SequenceLength = data.Length, Progress = (double)step / options.Steps, BatchStatistics = architecture is null ? _running : BatchStatistics.Unrecorded };
                var logits = ClassifierLoss.Logits(model, batch, context);
                var objective = ClassifierLoss.CrossEntropy(logits, batch);
                loss += objective.item<float>() / (options.Accumulation * architectures.Length);
                if (examples is not null)
                {
                    Examples!.Observe(examples, GradientProbe.OfLogits(logits, batch.Labels));
                    if (Examples.WeightsOf(examples) is { } weights)
                        objective = ClassifierLoss.CrossEntropy(logits, batch, weights);
                }
                if (architecture is not null && Paths!.WeightOf(architecture) is var weight and not 1.0)
                    objective *= weight;
                Objective.Backward(objective, context, options.Accumulation, auxiliary);
            }
        }
        var norm = optimizer.Clip();
        Paths?.Observe(step, architectures!, auxiliary);
        optimizer.Apply(learningRate);
        Examples?.EndStep(step, auxiliary);
        return new StepMetrics(loss, auxiliary, norm, learningRate, (double)options.BatchSize * data.Length * options.Accumulation * architectures.Length / clock.Elapsed.TotalSeconds);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => [.. optimizer.Moments(), .. Paths?.State ?? [], .. Examples?.State ?? []];

    public void SetSteps(int steps) => optimizer.SetSteps(steps);

    public void Dispose() => optimizer.Dispose();
}
