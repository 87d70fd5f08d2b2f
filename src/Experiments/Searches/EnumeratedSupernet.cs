using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Searches;

/// <summary>
/// A trained supernet of the digits whose every architecture is measured once: what searches find can then be compared with the true front, and searching costs
/// nothing.
/// </summary>
public sealed class EnumeratedSupernet
{
    private readonly Dictionary<Architecture, double[]> _objectives;
    private readonly double _trueVolume;

    private EnumeratedSupernet(SearchSpace space, Dictionary<Architecture, double[]> objectives)
    {
        (Space, _objectives) = (space, objectives);
        Reference = [.. Enumerable.Range(0, 2).Select(i => objectives.Values.Max(values => values[i]))];
        _trueVolume = Hypervolume.Of(objectives.Values, Reference);
    }

    public SearchSpace Space { get; }

    /// <summary>The worst of each objective in the whole space.</summary>
    public double[] Reference { get; }

    /// <summary>Members of the true front.</summary>
    public int FrontSize => Domination.Fronts([.. _objectives.Values.Distinct()])[0].Count;

    /// <summary>Width 12, 24 or 48, up to 7 blocks, each of a hidden size of 12, 24 or 48: 9,837 architectures.</summary>
    public static SearchSpace DigitSpace { get; } = BuiltInSpace.Read("digits-mlp");

    /// <summary>Training of the supernet: not longer, or larger architectures would be too sure of themselves to have the lower loss, and the front a few small ones.</summary>
    public static TrainerOptions Training(int threads) => new() { Steps = 400, BatchSize = 64, LearningRate = 3e-3, WarmupSteps = 50, Threads = threads };

    /// <summary>Its form.</summary>
    public static ModelOptions Model { get; } = new() { Backbone = ModelOptions.Perceptron, Activation = "relu", InitialDeviation = 0.1 };

    /// <summary>Trains the supernet and measures loss on validation images and FLOPs of all architectures.</summary>
    public static EnumeratedSupernet Build(LabeledDataset images, TrainerOptions training, SearchSpace space, TextWriter log, CancellationToken cancel)
    {
        var model = Train(images, training, space, seed: 1, cancel);
        log.WriteLine($"The supernet is trained; measuring its {space.Size:N0} architectures.");
        var evaluator = new ClassifierEvaluator(model, images.Validation.Count, null);
        var objectives = new Dictionary<Architecture, double[]>();
        foreach (var architecture in space.All())
        {
            cancel.ThrowIfCancellationRequested();
            model.Active = architecture;
            objectives[architecture] = [evaluator.Run(images.Validation).Loss, model.CostOfToken(new CostContext(1)).Sum(cost => cost.Flops)];
        }
        return new(space, objectives);
    }

    /// <summary>Trains a supernet of the digits.</summary>
    internal static MlpClassifier Train(LabeledDataset images, TrainerOptions training, SearchSpace space, long seed, CancellationToken cancel)
    {
        TorchSharp.torch.set_num_threads(training.Threads == 0 ? Environment.ProcessorCount : training.Threads);
        var model = new MlpClassifier(Model, space, new(images.Train.Width, images.Train.Length, images.Train.Classes), seed);
        using var step = new ClassifierStep(model, new WeightOptimizer(model.Weights, training), images.Train, training, seed, null) { Paths = new SandwichPaths(space, 2, seed) };
        for (var done = 0; done < training.Steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            step.Run(done);
        }
        return model;
    }

    /// <summary>Loss and FLOPs of an architecture.</summary>
    public double[] Measure(Architecture architecture) => _objectives[architecture];

    /// <summary>After each measurement, the hypervolume of what was found as a share of the true front's.</summary>
    public double[] Shares(IReadOnlyList<Measured> found)
    {
        var archive = new ParetoArchive();
        var shares = new double[found.Count];
        for (var i = 0; i < found.Count; i++)
            shares[i] = archive.Add(found[i]) || i == 0 ? archive.Hypervolume(Reference) / _trueVolume : shares[i - 1];
        return shares;
    }
}
