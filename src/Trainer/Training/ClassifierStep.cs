using System.Diagnostics;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>One optimizer step of a classifier: forward passes, cross-entropy plus router losses, backward, AdamW.</summary>
public sealed class ClassifierStep(Classifier model, WeightOptimizer optimizer, LabeledSequences data, TrainerOptions options, long seed, Device? device) : ITrainingStep
{
    private readonly TorchOps _ops = new(training: true, device);

    /// <summary>Makes step number <paramref name="step"/>, counted from 0. Its batch depends on the seed and the step alone.</summary>
    public StepMetrics Run(int step)
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var loss = 0.0;
        var auxiliary = new SortedDictionary<string, double>(StringComparer.Ordinal);
        for (var part = 0; part < options.Accumulation; part++)
        {
            using var partScope = NewDisposeScope();
            var context = new ForwardContext(_ops) { SequenceLength = data.Length, Progress = (double)step / options.Steps };
            var objective = ClassifierLoss.Of(model, data.Batch(seed, step, part, options.BatchSize), context).Loss;
            loss += objective.item<float>() / options.Accumulation;
            Objective.Backward(objective, context, options.Accumulation, auxiliary);
        }
        var learningRate = LearningRate.At(options, step);
        var norm = optimizer.Step(learningRate);
        return new StepMetrics(loss, auxiliary, norm, learningRate, (double)options.BatchSize * data.Length * options.Accumulation / clock.Elapsed.TotalSeconds);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => optimizer.Moments();

    public void SetSteps(int steps) => optimizer.SetSteps(steps);

    public void Dispose() => optimizer.Dispose();
}
