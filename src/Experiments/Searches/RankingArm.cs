using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Searches;

/// <summary>An arm that trains a supernet of <see cref="DigitCells"/> and scores all its architectures.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="options">How the supernet is trained.</param>
/// <param name="pixels">The images.</param>
/// <param name="threads">Of libtorch.</param>
public sealed class RankingArm(string name, string description, SupernetOptions options, Lazy<LabeledDataset> pixels, int threads) : Arm(name, description)
{
    /// <summary>Validation loss of each architecture with the supernet's weights, in the order of the space.</summary>
    public const string Losses = "loss";

    /// <summary>Kendall's tau-b between scores and true accuracies.</summary>
    public const string Kendall = "kendall";

    /// <summary>True accuracy of the architecture that has the best score.</summary>
    public const string Best = "best_accuracy";

    /// <summary>Passes of a step.</summary>
    public int Passes { get; init; } = 1;

    /// <summary>Looks at the training, given the steps done.</summary>
    public Action<Classifier, ITrainingStep, int, LabeledDataset, Measurement>? Check { get; init; }

    /// <summary>As many passes as the other arms make.</summary>
    public override int Steps => DigitCells.Epochs * DigitCells.StepsPerEpoch / Passes;

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{DigitCells.Description} {seed} {JsonSerializer.Serialize(options)} {JsonSerializer.Serialize(DigitCells.Training(Steps, 0))} {JsonSerializer.Serialize(DigitCells.Model())}")));

    public override void Run(long seed, TokenDataset text, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var (images, training, clock) = (DigitCells.Of(pixels.Value), DigitCells.Training(Steps, threads), Stopwatch.StartNew());
        TorchSharp.torch.set_num_threads(threads == 0 ? Environment.ProcessorCount : threads);
        var model = ClassifierRun.Build(DigitCells.Model(), options, DigitCells.Space, new(images.Train.Width, images.Train.Length, images.Train.Classes), seed, device: null);
        using var step = ClassifierRun.StepOf(model, options, images.Train, training, seed, device: null);
        for (var done = 0; done < Steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            step.Run(done);
            progress(done + 1);
            Check?.Invoke(model, step, done + 1, images, result);
        }
        var losses = DigitCells.Losses((ISupernet)model, images.Validation);
        result.Series[Losses] = losses;
        result[TinyArm.ValidationLoss] = losses.Average();
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
    }
}
