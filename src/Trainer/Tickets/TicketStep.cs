using System.Diagnostics;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tickets;

/// <summary>
/// A step of training a ticket: cross-entropy plus the cost-aware L1 norm of the channels' importance, and at intervals the removal of dead channels and the pruning of
/// weights (You et al. 2022, arXiv 2207.03677). After a pruning and after the last step normalizations get the statistics of what is left: those of the steps before
/// would no longer fit.
/// </summary>
public sealed class TicketStep : ITrainingStep
{
    private const double RunningImportanceDecay = 0.99;
    private const long ScoreDraw = 77;
    private const int CalibrationBatches = 10;

    private readonly TicketClassifier _model;
    private readonly TicketOptions _tickets;
    private readonly TicketSchedule _schedule;
    private readonly LabeledSequences _data;
    private readonly TrainerOptions _options;
    private readonly WeightOptimizer _optimizer;
    private readonly TorchOps _ops;
    private readonly RunningStatistics _running = new();
    private readonly long _seed;

    /// <param name="model">What is trained.</param>
    /// <param name="tickets">How it loses channels and weights.</param>
    /// <param name="data">Training data.</param>
    /// <param name="options">Of the optimizer and the length.</param>
    /// <param name="seed">Of batches and random scores.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    /// <exception cref="Artifacts.UserError">The schedule does not reach the sparsity.</exception>
    public TicketStep(TicketClassifier model, TicketOptions tickets, LabeledSequences data, TrainerOptions options, long seed, Device? device)
    {
        (_model, _tickets, _data, _options, _seed, _ops) = (model, tickets, data, options, seed, new TorchOps(training: true, device));
        _schedule = new(tickets, options.Steps);
        _schedule.Check();
        _optimizer = new(model.Weights, options);
    }

    public StepMetrics Run(int step)
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var batch = _data.Batch(_seed, step, 0, _options.BatchSize);
        var loss = ClassifierLoss.Of(_model, batch, new ForwardContext(_ops) { BatchStatistics = _running }).Loss;
        var coefficient = _schedule.ImportanceAt(step);
        var auxiliary = new SortedDictionary<string, double>(StringComparer.Ordinal);
        if (coefficient > 0 && _model.Channels.Alive > 0)
        {
            var norm = TorchOps.TensorOf(_model.ImportanceNorm(_ops) * coefficient);
            auxiliary["importance"] = norm.item<float>();
            loss.add(norm).backward();
        }
        else
        {
            loss.backward();
        }
        var rate = LearningRate.At(_options, step);
        var gradient = _optimizer.Step(rate);
        _model.TrackImportance(RunningImportanceDecay);
        Lose(step + 1, auxiliary);
        return new StepMetrics(loss.item<float>(), auxiliary, gradient, rate, (double)_options.BatchSize * _data.Length / clock.Elapsed.TotalSeconds);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => _optimizer.Moments();

    public void SetSteps(int steps)
    {
        _model.RestoreChannels();
        _optimizer.SetSteps(steps);
    }

    public void Dispose() => _optimizer.Dispose();

    /// <summary>Channels and weights that are lost after a step.</summary>
    private void Lose(int done, SortedDictionary<string, double> measured)
    {
        if (_schedule.Shrinks(done))
        {
            _model.Shrink(_tickets.DeadImportance, _tickets.Reactivate);
            measured["channels"] = _model.Channels.Alive;
        }
        if (_schedule.PrunesTo(done) is { } share)
        {
            var ratio = _tickets.CountLost ? ShareOfTheRest(share) : share;
            var (pruned, all) = Pruner.Prune(_model.Matrices, ratio, (weight, values) => _tickets.Score == "random"
                ? [.. values.Select((_, i) => (double)StatelessRandom.Next(_seed, ScoreDraw, weight, i))] : [.. values.Select(value => (double)Math.Abs(value))]);
            measured["sparsity"] = pruned / (double)all;
        }
        if (measured.ContainsKey("sparsity") || done == _options.Steps)
            EstimatedStatistics.Run(_model, _data.Batches(_options.BatchSize).Take(CalibrationBatches), _ops.Device);
    }

    /// <summary>The share of the weights that are left which makes, with those that went with their channels, a share of all.</summary>
    private double ShareOfTheRest(double share)
    {
        var (all, left) = (_model.Matrices.Sum(weight => weight.Parameter.numel()), _model.Matrices.Sum(weight => weight.UsedCount));
        return Math.Max(0, 1 - ((1 - share) * all / left));
    }
}
