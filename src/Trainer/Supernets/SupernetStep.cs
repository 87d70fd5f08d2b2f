using System.Diagnostics;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>One optimizer step of a supernet: the same batch through each architecture of the step, their losses summed.</summary>
public sealed class SupernetStep(Classifier model, ISupernet supernet, PathSampler paths, WeightOptimizer optimizer, LabeledSequences data, TrainerOptions options, long seed, Device? device)
    : ITrainingStep
{
    private readonly TorchOps _ops = new(training: true, device);

    public StepMetrics Run(int step)
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var loss = 0.0;
        var auxiliary = new SortedDictionary<string, double>(StringComparer.Ordinal);
        var architectures = paths.Sample(step);
        for (var part = 0; part < options.Accumulation; part++)
        {
            var batch = data.Batch(seed, step, part, options.BatchSize);
            foreach (var architecture in architectures)
            {
                using var partScope = NewDisposeScope();
                supernet.Active = architecture;
                var context = new ForwardContext(_ops) { SequenceLength = data.Length, Progress = (double)step / options.Steps };
                var objective = ClassifierLoss.Of(model, batch, context).Loss;
                loss += objective.item<float>() / (options.Accumulation * architectures.Count);
                Objective.Backward(objective, context, options.Accumulation, auxiliary);
            }
        }
        var learningRate = LearningRate.At(options, step);
        var norm = optimizer.Step(learningRate);
        return new StepMetrics(loss, auxiliary, norm, learningRate, (double)options.BatchSize * data.Length * options.Accumulation * architectures.Count / clock.Elapsed.TotalSeconds);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => optimizer.Moments();

    public void SetSteps(int steps) => optimizer.SetSteps(steps);

    public void Dispose() => optimizer.Dispose();
}
