using System.Diagnostics;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets.Copies;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// A step of several supernets (Javan et al. 2023, arXiv 2306.11982): an architecture at random, a supernet by the balanced assignment, an optimizer step of that
/// supernet alone on one half of the training data, and its accuracy on a batch of the other half into the assignment's scores.
/// </summary>
public sealed class CopiesStep : ITrainingStep
{
    private const long ArchitectureDraw = 1;
    private const long CopyDraw = 2;
    private const long ScoringPart = 1;

    private readonly SupernetCopies _model;
    private readonly TrainingHalves _halves;
    private readonly TrainerOptions _options;
    private readonly BalancedAssignment _assignment;
    private readonly WeightOptimizer[] _optimizers;
    private readonly int _stepsPerEpoch;
    private readonly long _seed;
    private readonly TorchOps _ops;

    /// <param name="model">The supernets.</param>
    /// <param name="copies">Of the assignment.</param>
    /// <param name="data">Halved at random.</param>
    /// <param name="options">Of the optimizers and the length.</param>
    /// <param name="seed">Of every draw.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    public CopiesStep(SupernetCopies model, CopiesOptions copies, LabeledSequences data, TrainerOptions options, long seed, Device? device)
    {
        (_model, _options, _seed, _ops) = (model, options, seed, new TorchOps(training: true, device));
        _halves = TrainingHalves.Of(data, 0.5, seed, "The share of the training data that Supernet:Copies scores by");
        _assignment = new BalancedAssignment(model.Architectures.Count, copies);
        _optimizers = [.. Enumerable.Range(0, model.Count).Select(copy => new WeightOptimizer(model.WeightsOf(copy), options))];
        _stepsPerEpoch = Math.Max(1, (options.Steps + copies.Epochs - 1) / copies.Epochs);
        Store();
    }

    public StepMetrics Run(int step)
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var (epoch, within) = Math.DivRem(step, _stepsPerEpoch);
        if (within == 0)
            _assignment.Begin(epoch);
        var number = (int)(StatelessRandom.Next(_seed, step, ArchitectureDraw) % (ulong)_assignment.Architectures);
        var copy = _assignment.Pick(number, epoch, StatelessRandom.Next(_seed, step, CopyDraw) / (ulong.MaxValue + 1.0));
        (_model.Active, _model.Copy) = (_model.Architectures[number], copy);

        var loss = ClassifierLoss.Of(_model, _halves.Weights.Batch(_seed, step, 0, _options.BatchSize), Context(_ops)).Loss;
        loss.backward();
        var rate = LearningRate.At(_options, step);
        var norm = _optimizers[copy].Step(rate);
        _assignment.Observe(number, copy, Accuracy(_halves.Choice.Batch(_seed, step, ScoringPart, _options.BatchSize)));
        using (no_grad())
            _model.Trained.Parameter.view(-1).narrow(0, (number * _model.Count) + copy, 1).add_(1);
        Store();
        return new StepMetrics(loss.item<float>(), new SortedDictionary<string, double>(), norm, rate, (double)_options.BatchSize * _halves.Weights.Length / clock.Elapsed.TotalSeconds);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => _optimizers.SelectMany(optimizer => optimizer.Moments());

    /// <summary>Each optimizer has made the steps of its supernet.</summary>
    public void SetSteps(int steps)
    {
        _assignment.Restore(_model.Scores.Parameter.data<float>().ToArray(), [.. _model.Scale.Parameter.data<float>().ToArray().Select(value => (double)value)]);
        var trained = _model.Trained.Parameter.data<float>().ToArray();
        for (var copy = 0; copy < _optimizers.Length; copy++)
            _optimizers[copy].SetSteps((long)trained.Where((_, i) => i % _optimizers.Length == copy).Sum());
    }

    public void Dispose()
    {
        foreach (var optimizer in _optimizers)
            optimizer.Dispose();
    }

    private double Accuracy(LabeledSequences batch)
    {
        using var noGrad = no_grad();
        var classes = ClassifierLoss.Of(_model, batch, Context(_ops)).Classes.cpu().data<long>().ToArray();
        return classes.Zip(batch.Labels).Count(pair => pair.First == pair.Second) / (double)batch.Count;
    }

    /// <summary>The assignment goes into the model's statistics, and so into checkpoints; it goes on from what is there, so that a resumed run does, too.</summary>
    private void Store()
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        _model.Scores.Parameter.copy_(tensor(_assignment.Scores).reshape(_model.Scores.Shape));
        float[] scale = [.. _assignment.Scale.Select(value => (float)value)];
        _model.Scale.Parameter.copy_(tensor(scale));
        _assignment.Restore(_assignment.Scores, [.. scale.Select(value => (double)value)]);
    }

    private static ForwardContext Context(TorchOps ops) => new(ops) { BatchStatistics = BatchStatistics.Unrecorded };
}
