using System.Diagnostics;
using System.Text.Json;
using OnnxMoe.Experiments.Pooling;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Growth;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Experiments.Growing;

/// <summary>Grows a network from two narrow ones, or trains it whole, and measures it on the way on test images.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">In words.</param>
/// <param name="coefficients">Of the new blocks; empty: the whole network from the beginning.</param>
/// <param name="training">All phases.</param>
/// <param name="data">The images.</param>
/// <param name="scale">Of the new coefficients or weights.</param>
public sealed class GrowthArm(string name, string description, string coefficients, TrainerOptions training, Lazy<LabeledDataset> data, double scale = 1) : Arm(name, description)
{
    /// <summary>Test accuracy at the end.</summary>
    public const string Accuracy = "accuracy";

    /// <summary>Test accuracy of the first narrow network.</summary>
    public const string FirstMember = "first_member";

    /// <summary>Test accuracy of the second narrow network.</summary>
    public const string SecondMember = "second_member";

    /// <summary>Test accuracy of the sum of both networks' logits.</summary>
    public const string Sum = "sum_of_members";

    /// <summary>Test accuracy after growth and before further training, by the members' statistics.</summary>
    public const string Grown = "grown";

    /// <summary>The same by statistics estimated anew.</summary>
    public const string GrownEstimated = "grown_estimated";

    private const int Batch = 250;

    public override int Steps => training.Steps;

    public override string Fingerprint(long seed, DataOptions options) => $"{seed} {JsonSerializer.Serialize(training)} {JsonSerializer.Serialize(GrowthSetup.Model(coefficients, scale))} {GrowthSetup.Side}";

    public override void Run(long seed, TokenDataset text, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var images = data.Value;
        set_num_threads(training.Threads == 0 ? Environment.ProcessorCount : training.Threads);
        var options = GrowthSetup.Model(coefficients, scale);
        var sizes = PoolingSetup.SizesOf(images);
        ImageClassifier model = coefficients.Length == 0 ? new CnnClassifier(options, null, sizes, seed) : new GrowingClassifier(options, sizes, seed);
        using ITrainingStep step = model is GrowingClassifier whole ? GrowthTraining.Of(whole, images.Train, training, seed, null)
            : new ClassifierStep(model, new WeightOptimizer(model.Weights, training), images.Train, training, seed, null);
        var evaluator = new ClassifierEvaluator(model, Batch, null);
        var clock = Stopwatch.StartNew();
        for (var done = 0; done < training.Steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            if (done == 2 * training.Growth.MemberSteps && model is GrowingClassifier growing)
                MeasureGrowth(growing, evaluator, images, seed, result);
            step.Run(done);
            progress(done + 1);
        }
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
        var measured = evaluator.Run(images.Test);
        (result[Accuracy], result[TinyArm.ValidationLoss]) = (measured.Accuracy, measured.Loss);
        result[TinyArm.Parameters] = ModelCost.Parameters(model).Total;
    }

    /// <summary>Growing twice gives the same as growing once, so that training can do it again.</summary>
    private static void MeasureGrowth(GrowingClassifier model, ClassifierEvaluator evaluator, LabeledDataset images, long seed, Measurement result)
    {
        foreach (var (mode, key) in new[] { (GrowthMode.First, FirstMember), (GrowthMode.Second, SecondMember) })
        {
            model.Mode = mode;
            result[key] = evaluator.Run(images.Test).Accuracy;
        }
        result[Sum] = AccuracyOfSum(model, images.Test);
        model.Grow(seed);
        result[Grown] = evaluator.Run(images.Test).Accuracy;
        using (no_grad())
        {
            var statistics = model.Weights.Where(weight => weight.IsStatistic).Select(weight => (weight, Kept: weight.Parameter.detach().clone())).ToArray();
            EstimatedStatistics.Run(model, images.Train.Batches(Batch).Take(8));
            result[GrownEstimated] = evaluator.Run(images.Test).Accuracy;
            foreach (var (weight, kept) in statistics)
            {
                weight.Parameter.copy_(kept);
                kept.Dispose();
            }
        }
    }

    private static double AccuracyOfSum(GrowingClassifier model, LabeledSequences test)
    {
        using var noGrad = no_grad();
        var ops = new TorchOps();
        var right = 0;
        foreach (var batch in test.Batches(Batch))
        {
            using var scope = NewDisposeScope();
            Tensor Logits(GrowthMode mode)
            {
                model.Mode = mode;
                return TorchOps.TensorOf(model.Forward(ops.Value(tensor(batch.Features, [batch.Count, batch.Length, batch.Width])), null, new ForwardContext(ops)));
            }
            var classes = Logits(GrowthMode.First).add(Logits(GrowthMode.Second)).argmax(-1, false).data<long>().ToArray();
            right += classes.Zip(batch.Labels).Count(pair => pair.First == pair.Second);
        }
        return right / (double)test.Count;
    }
}
