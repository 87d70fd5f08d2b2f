using System.Diagnostics;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Classifiers;

/// <summary>
/// An arm that trains a small <see cref="EncoderClassifier"/> and measures its last weights on all images that were not trained on. The
/// seed decides the initial weights and the order of the images.
/// </summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="setup">Its settings.</param>
/// <param name="data">The images.</param>
public sealed class ClassifierArm(string name, string description, TinySetup setup, Lazy<LabeledDataset> data) : Arm(name, description)
{
    /// <summary>Share of the held-out images whose class is found.</summary>
    public const string Accuracy = "accuracy";

    /// <summary>Multiply-adds of the routed or dense feed-forward layers for an image, at most.</summary>
    public const string FfnWork = "ffn_multiply_adds";

    /// <summary>Multiply-adds of attention for an image, at most.</summary>
    public const string AttentionWork = "attention_multiply_adds";

    /// <summary>Feed-forward experts that a position activates on held-out images.</summary>
    public const string ActiveExperts = "active_experts";

    /// <summary>Loss on the images that were trained on.</summary>
    public const string TrainingLoss = "training_loss";

    public override int Steps => setup.Trainer.Steps;

    /// <summary>Two blocks of width 64 with 4 heads and a feed-forward layer of 128 in 4 parts of 32, biased GELU; 600 steps of 32 images.</summary>
    public static TinySetup CreateSetup(Action<ModelOptions>? model = null)
    {
        var setup = new TinySetup(
            new ModelOptions
            {
                Backbone = ModelOptions.Encoder,
                Layers = 2,
                HiddenSize = 64,
                Heads = 4,
                ContextLength = 16,
                DenseHidden = 128,
                Experts = 4,
                ExpertsPerToken = 2,
                ExpertHidden = 32,
                SharedExperts = 0,
                Activation = "gelu",
                Gated = false,
                FfnBias = true,
                InitialDeviation = 0.125, // 1 / sqrt(64)
                Router = new() { BalanceLoss = 0, ZLoss = 0 },
            },
            new TrainerOptions { Steps = 600, BatchSize = 32, LearningRate = 2e-3, WarmupSteps = 60, Threads = 1 });
        model?.Invoke(setup.Model);
        return setup;
    }

    public override string Fingerprint(long seed, DataOptions options) => new TrainSettings(Name, seed, options, setup.Model, setup.Trainer).Fingerprint();

    public override void Run(long seed, TokenDataset text, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        setup.Model.Check();
        var (options, images) = (setup.Trainer, data.Value);
        TorchSharp.torch.set_num_threads(options.Threads == 0 ? Environment.ProcessorCount : options.Threads);
        var model = new EncoderClassifier(setup.Model, new(images.Train.Width, images.Train.Length, images.Train.Classes), seed);
        using var step = new ClassifierStep(model, new WeightOptimizer(model.Weights, options), images.Train, options, seed, device: null);
        var clock = Stopwatch.StartNew();
        var loss = 0.0;
        for (var done = 0; done < options.Steps && double.IsFinite(loss); done++)
        {
            cancel.ThrowIfCancellationRequested();
            loss = step.Run(done).Loss;
            progress(done + 1);
        }
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
        if (!double.IsFinite(loss))
            return;
        var evaluator = new ClassifierEvaluator(model, batchSize: 100, device: null);
        var (validation, test) = (evaluator.Run(images.Validation), evaluator.Run(images.Test));
        double Mean(Func<Classification, double> of) => (of(validation) * images.Validation.Count + of(test) * images.Test.Count) / (images.Validation.Count + images.Test.Count);
        result[TinyArm.ValidationLoss] = Mean(measured => measured.Loss);
        result[Accuracy] = Mean(measured => measured.Accuracy);
        result[TrainingLoss] = evaluator.Run(images.Train).Loss;
        result[TinyArm.Parameters] = ModelCost.Parameters(model).Total;
        if (test.ExpertLoad.Length > 0)
            result[ActiveExperts] = Mean(measured => measured.ActiveExperts.Average());
        var costs = ModelCost.Flops(model, new CostContext(images.Train.Length));
        double Work(params string[] parts) => costs.Where(cost => parts.Contains(cost.Part)).Sum(cost => cost.Flops) / 2 * images.Train.Length;
        result[FfnWork] = Work("ffn", "experts");
        result[AttentionWork] = Work("attention");
    }
}
