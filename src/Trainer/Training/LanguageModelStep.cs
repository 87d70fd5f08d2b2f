using System.Diagnostics;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>One optimizer step of a language model: forward passes, cross-entropy plus router losses, backward, AdamW.</summary>
public sealed class LanguageModelStep(DecoderLm model, WeightOptimizer optimizer, TrainingMix data, TrainerOptions options, long seed, int length, Device? device) : ITrainingStep
{
    private readonly TorchOps _ops = new(training: true, device);
    private readonly TopKSchedule? _schedule = TopKSchedule.Of(model.Options, options);

    /// <summary>Changes what the routed layers do while training; null leaves them as they are.</summary>
    public Intervention? Intervention { get; init; }

    /// <summary>The architectures of a step, of a model that is a supernet: each gets the step's batches. Null: the model as it is.</summary>
    public (ISupernet Supernet, PathSampler Sampler)? Paths { get; init; }

    /// <summary>Makes step number <paramref name="step"/>, counted from 0. Its batch depends on the seed and the step alone.</summary>
    public StepMetrics Run(int step) => Run(step, LearningRate.At(options, step));

    public IEnumerable<(string Name, Tensor Moment)> Moments() => optimizer.Moments();

    public void SetSteps(int steps) => optimizer.SetSteps(steps);

    public void Dispose() => optimizer.Dispose();

    /// <summary>The same at a given learning rate.</summary>
    public StepMetrics Run(int step, double learningRate)
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var loss = 0.0;
        var auxiliary = new SortedDictionary<string, double>(StringComparer.Ordinal);
        var activeExperts = _schedule?.At(step); // of the optimizer step: the same for all its parts
        var counts = options.ExpertCounts ? model.RoutedLayers.Select(layer => new long[layer.Router.Experts]).ToArray() : null;
        Architecture?[] architectures = Paths is { } paths ? [.. paths.Sampler.Sample(step)] : [null];
        for (var part = 0; part < options.Accumulation; part++)
        {
            foreach (var architecture in architectures)
            {
                using var partScope = NewDisposeScope();
                if (architecture is not null)
                    Paths!.Value.Supernet.Active = architecture;
                loss += Backward(step, part, activeExperts, auxiliary, counts) / architectures.Length;
            }
        }
        var norm = optimizer.Step(learningRate);
        var tokens = (double)options.BatchSize * length * options.Accumulation;
        return new StepMetrics(loss, auxiliary, norm, learningRate, tokens / clock.Elapsed.TotalSeconds) { ActiveExperts = activeExperts, ExpertCounts = counts };
    }

    private double Backward(int step, int part, int? activeExperts, SortedDictionary<string, double> auxiliary, long[][]? counts)
    {
        var batch = data.Batch(seed, step, part, options.BatchSize, length);
        var context = new ForwardContext(_ops)
        {
            SequenceLength = length,
            Progress = (double)step / options.Steps,
            Intervention = Intervention,
            ActiveExperts = activeExperts is { } k ? _ops.Ints(k) : null,
        };
        var objective = LanguageModelLoss.Of(model, batch, context);
        var loss = objective.item<float>() / options.Accumulation;
        if (counts is not null)
            Evaluator.Record(context, counts, trace: null, firstRequest: 0, options.BatchSize, length);
        Objective.Backward(objective, context, options.Accumulation, auxiliary);
        return loss;
    }
}
