using System.Diagnostics;
using System.Text.Json;
using OnnxMoe.Experiments.Pooling;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Tickets;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Experiments.Tickets;

/// <summary>Trains a ticket and measures it right after its last pruning, and again after some steps with channels and masks as they are.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">In words.</param>
/// <param name="tickets">How channels and weights are lost.</param>
/// <param name="training">Until the last pruning.</param>
/// <param name="retraining">Afterwards, with channels and masks as they are.</param>
/// <param name="data">The images.</param>
public sealed class TicketArm(string name, string description, TicketOptions tickets, TrainerOptions training, TrainerOptions retraining, Lazy<LabeledDataset> data) : Arm(name, description)
{
    /// <summary>Accuracy on held-out images right after the last pruning.</summary>
    public const string Drawn = "drawn_accuracy";

    /// <summary>The same after further training.</summary>
    public const string Retrained = "retrained_accuracy";

    /// <summary>Hidden channels that are left.</summary>
    public const string Channels = "channels";

    /// <summary>Weights of convolutions and the head that are not 0.</summary>
    public const string Nonzero = "nonzero_weights";

    private const int Batch = 100;

    /// <summary>3 blocks of width 16 with kernels 1, 3 and 5, each branch 12 hidden channels.</summary>
    public static ModelOptions Model => new() { Backbone = ModelOptions.BranchNetwork };

    public override int Steps => training.Steps + retraining.Steps;

    public override string Fingerprint(long seed, DataOptions options) => $"{seed} {JsonSerializer.Serialize(tickets)} {JsonSerializer.Serialize(training)} {JsonSerializer.Serialize(retraining)} {JsonSerializer.Serialize(Model.Branches)}";

    public override void Run(long seed, TokenDataset text, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var images = data.Value;
        set_num_threads(training.Threads == 0 ? Environment.ProcessorCount : training.Threads);
        var model = new TicketClassifier(Model, PoolingSetup.SizesOf(images), new LayerScope(seed));
        var clock = Stopwatch.StartNew();
        void Train(TicketOptions losing, TrainerOptions options, long seedOfBatches, int before)
        {
            using var step = new TicketStep(model, losing, images.Train, options, seedOfBatches, null);
            for (var done = 0; done < options.Steps; done++)
            {
                cancel.ThrowIfCancellationRequested();
                step.Run(done);
                progress(before + done + 1);
            }
        }
        Train(tickets, training, seed, 0);
        result[Drawn] = Measure(model, images).Accuracy;
        Train(new(), retraining, seed + 1_000_000, training.Steps);
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
        var measured = Measure(model, images);
        (result[Retrained], result[TinyArm.ValidationLoss]) = (measured.Accuracy, measured.Loss);
        result[Channels] = model.Channels.Alive;
        var (ordinary, _) = model.Materialize();
        result[Nonzero] = ordinary.Weights.Where(weight => weight.Shape.Length > 1).Sum(weight => weight.Parameter.detach().data<float>().ToArray().Count(value => value != 0));
    }

    private static Classification Measure(TicketClassifier model, LabeledDataset images)
    {
        EstimatedStatistics.Run(model, images.Train.Batches(Batch).Take(10));
        var evaluator = new ClassifierEvaluator(model, Batch, null);
        var (validation, test) = (evaluator.Run(images.Validation), evaluator.Run(images.Test));
        double Mean(Func<Classification, double> of) => ((of(validation) * images.Validation.Count) + (of(test) * images.Test.Count)) / (images.Validation.Count + images.Test.Count);
        return validation with { Loss = Mean(one => one.Loss), Accuracy = Mean(one => one.Accuracy) };
    }
}
