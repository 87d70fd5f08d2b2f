using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Supernets.Copies;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Pooling;

/// <summary>Trains a mixture of supernets and measures every path in each, by the statistics of its batch, on images that were not trained on.</summary>
/// <param name="name">Short name.</param>
/// <param name="copies">Supernets and schedule.</param>
/// <param name="training">Of all supernets together.</param>
/// <param name="data">The images.</param>
public sealed class MixtureArm(string name, CopiesOptions copies, TrainerOptions training, Lazy<LabeledDataset> data)
    : Arm(name, $"{copies.Count} supernet{(copies.Count == 1 ? "" : "s")}, {training.Steps} steps in all, {copies.Epochs} epochs")
{
    /// <summary>Accuracy of each path in its best supernet.</summary>
    public const string Best = "best_accuracies";

    /// <summary>Accuracy of each path, weighted by the assignment of the last epoch.</summary>
    public const string Weighted = "weighted_accuracies";

    private const int Batch = 250;

    public override int Steps => training.Steps;

    public override string Fingerprint(long seed, DataOptions options) => $"{seed} {JsonSerializer.Serialize(copies)} {JsonSerializer.Serialize(training)} {JsonSerializer.Serialize(PoolingSetup.Model)} {PoolingSetup.Images} {PoolingSetup.Side}";

    public override void Run(long seed, TokenDataset text, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var images = data.Value;
        var sizes = PoolingSetup.SizesOf(images);
        var model = new SupernetCopies(new LayerScope(seed), copies.Count, scope => new CnnClassifier(PoolingSetup.Model, PoolingSetup.Space, sizes, scope));
        using var step = new CopiesStep(model, copies, images.Train, training, seed, device: null);
        result[TinyArm.Seconds] = PoolingSetup.Run(step, training, progress, cancel);
        var evaluator = new ClassifierEvaluator(model, Batch, device: null) { Statistics = BatchStatistics.Unrecorded };
        var assignment = new BalancedAssignment(model.Architectures.Count, copies);
        assignment.Restore(model.Scores.Parameter.data<float>().ToArray(), [.. model.Scale.Parameter.data<float>().ToArray().Select(value => (double)value)]);
        var (best, weighted, losses) = (new List<double>(), new List<double>(), new List<double>());
        foreach (var architecture in model.Architectures)
        {
            model.Active = architecture;
            Classification[] measured = [.. Enumerable.Range(0, model.Count).Select(copy =>
            {
                model.Copy = copy;
                return evaluator.Run(images.Validation);
            })];
            best.Add(measured.Max(one => one.Accuracy));
            losses.Add(measured.Min(one => one.Loss));
            weighted.Add(measured.Zip(assignment.Probabilities(model.NumberOf(architecture), copies.Epochs - 1), (one, share) => one.Accuracy * share).Sum());
        }
        (result.Series[Best], result.Series[Weighted]) = ([.. best], [.. weighted]);
        var trained = model.Trained.Parameter.data<float>().ToArray();
        result[SimulationArm.LargestLoad] = Enumerable.Range(0, model.Count).Max(copy => trained.Where((_, i) => i % model.Count == copy).Sum()) / trained.Sum();
        result[TinyArm.ValidationLoss] = losses.Average();
    }
}
