using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Pooling;

/// <summary>Trains every pooling path alone: the truth that supernets are compared with.</summary>
/// <param name="training">Of each path.</param>
/// <param name="data">The images.</param>
public sealed class AlonePathsArm(TrainerOptions training, Lazy<LabeledDataset> data)
    : Arm("alone", $"each of the {PoolingSetup.Space.Size} paths by itself, {training.Steps} steps")
{
    /// <summary>Test accuracy of each path.</summary>
    public const string Accuracies = "accuracies";

    public override int Steps => training.Steps * (int)PoolingSetup.Space.Size;

    public override string Fingerprint(long seed, DataOptions options) => $"{seed} {JsonSerializer.Serialize(training)} {JsonSerializer.Serialize(PoolingSetup.Model)} {PoolingSetup.Images} {PoolingSetup.Side}";

    public override void Run(long seed, TokenDataset text, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var images = data.Value;
        var (accuracies, losses) = (new List<double>(), new List<double>());
        var seconds = 0.0;
        foreach (var architecture in PoolingSetup.Space.All())
        {
            var done = accuracies.Count * training.Steps;
            var options = PoolingSetup.Model;
            options.Cnn.Pools = PoolingPath.Parse(architecture.Word("pooling"), options.Cnn.Channels.Length);
            var model = new CnnClassifier(options, null, PoolingSetup.SizesOf(images), seed);
            using var step = new ClassifierStep(model, new WeightOptimizer(model.Weights, training), images.Train, training, seed, device: null);
            seconds += PoolingSetup.Run(step, training, steps => progress(done + steps), cancel);
            var measured = new ClassifierEvaluator(model, batchSize: 250, device: null).Run(images.Test);
            accuracies.Add(measured.Accuracy);
            losses.Add(measured.Loss);
        }
        result.Series[Accuracies] = [.. accuracies];
        (result[TinyArm.ValidationLoss], result[TinyArm.Seconds]) = (losses.Average(), seconds);
    }
}
