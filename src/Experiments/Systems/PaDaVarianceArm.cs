using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>
/// An arm that trains a perceptron by uniform draws and computes, from the gradients of all its training images, the variance that a reweighted gradient of one image
/// has for draws by the norms of the gradients, and of the logits' gradients in their place.
/// </summary>
/// <param name="pixels">The images.</param>
/// <param name="threads">Of libtorch.</param>
internal sealed class PaDaVarianceArm(Lazy<LabeledDataset> pixels, int threads) : Arm("exact variance", "perceptron of two blocks trained by uniform draws; gradients of all 600 training images, one by one")
{
    private const int Images = 600;
    private const int StepsPerEpoch = 10;

    /// <summary>Epochs after which variances are computed.</summary>
    public static readonly int[] Epochs = [0, 2, 5, 15];

    private static readonly ModelOptions Model = new() { Backbone = ModelOptions.Perceptron, Activation = "relu", InitialDeviation = 0.1, Mlp = new() { Width = 32, Hidden = [32, 32] } };

    private static readonly TrainerOptions Training = new() { Steps = Epochs[^1] * StepsPerEpoch, BatchSize = 64, LearningRate = 3e-3, WarmupSteps = 10, Threads = 1 };

    /// <summary>Variance of draws by the norms of the gradients over that of uniform ones.</summary>
    public static string Optimal(int epoch) => $"optimal_{epoch}";

    /// <summary>Variance of draws by the norms of the logits' gradients over that of uniform ones.</summary>
    public static string Proxy(int epoch) => $"proxy_{epoch}";

    /// <summary>Correlation of the two norms.</summary>
    public static string Correlation(int epoch) => $"correlation_{epoch}";

    public override int Steps => Training.Steps;

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{Description} {seed} {string.Join(',', Epochs)} {JsonSerializer.Serialize(Model)} {JsonSerializer.Serialize(Training)}")));

    public override void Run(long seed, TokenDataset text, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        TorchSharp.torch.set_num_threads(threads == 0 ? Environment.ProcessorCount : threads);
        var (clock, all) = (Stopwatch.StartNew(), pixels.Value);
        var images = all.Train.Take([.. Enumerable.Range(0, Images)]);
        var model = new MlpClassifier(Model, new(images.Width, images.Length, images.Classes), seed);
        using var step = new ClassifierStep(model, new WeightOptimizer(model.Weights, Training), images, Training, seed, device: null);
        for (var done = 0; ; done++)
        {
            cancel.ThrowIfCancellationRequested();
            if (done % StepsPerEpoch == 0 && Epochs.Contains(done / StepsPerEpoch))
                Measure(model, images, done / StepsPerEpoch, result);
            if (done == Training.Steps)
                break;
            step.Run(done);
            progress(done + 1);
        }
        result[TinyArm.ValidationLoss] = new ClassifierEvaluator(model, 300, null).Run(all.Validation).Loss;
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
    }

    private static void Measure(MlpClassifier model, LabeledSequences images, int epoch, Measurement result)
    {
        Weight[] weights = [.. model.Weights.Where(weight => weight.IsTrainable)];
        var ops = new TorchOps(training: true);
        var (norms, proxies, mean) = (new double[Images], new double[Images], Array.Empty<double>());
        for (var i = 0; i < Images; i++)
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            var image = images.Take([i]);
            var logits = ClassifierLoss.Logits(model, image, new ForwardContext(ops));
            proxies[i] = GradientProbe.OfLogits(logits, image.Labels)[0];
            ClassifierLoss.CrossEntropy(logits, image).backward();
            var gradient = GradientProbe.Vector(weights);
            foreach (var weight in weights)
                weight.Parameter.grad = null;
            norms[i] = Math.Sqrt(gradient.Sum(value => value * value));
            mean = i == 0 ? gradient : [.. mean.Zip(gradient, (sum, value) => sum + value)];
        }
        var ofMean = mean.Sum(value => value / Images * (value / Images));
        double Variance(double[] probabilities) => (norms.Zip(probabilities, (norm, p) => norm * norm / p).Sum() / Images / Images) - ofMean;
        var uniform = Variance(NormProbabilities.Of(norms, 0));
        result[Optimal(epoch)] = Variance(NormProbabilities.Of(norms, 1)) / uniform;
        result[Proxy(epoch)] = Variance(NormProbabilities.Of(proxies, 1)) / uniform;
        result[Correlation(epoch)] = MathNet.Numerics.Statistics.Correlation.Pearson(norms, proxies);
    }
}
