using System.Text.Json;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Searches;

/// <summary>
/// What the experiments with cells share: a small network of two cells on the 8x8 digits, five operations on each of six edges, supernets trained by DARTS, and the
/// training of a genotype from random weights.
/// </summary>
/// <param name="data">The images.</param>
/// <param name="threads">Of libtorch.</param>
/// <param name="steps">Of every training; 0: 375 for a supernet (40 epochs of its half), 470 for a genotype (25 epochs).</param>
public sealed class CellSetup(Lazy<LabeledDataset> data, int threads, int steps)
{
    private readonly Dictionary<string, CellClassifier> _trained = [];
    private long _seed = -1;

    public static SearchSpace Space { get; } = BuiltInSpace.Read("digits-cells");

    public static ModelOptions Model => new() { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 8, Stages = 2, CellsPerStage = 1, Nodes = 4 } };

    /// <summary>As in the paper, but for the length.</summary>
    public TrainerOptions SupernetTraining => Training(375, 0.04);

    /// <summary>Of a genotype.</summary>
    public TrainerOptions GenotypeTraining => Training(470, 0);

    public LabeledDataset Data => data.Value;

    /// <summary>What numbers depend on besides an arm's own settings.</summary>
    public string Fingerprint => JsonSerializer.Serialize((object[])[Model, SupernetTraining, GenotypeTraining]);

    /// <summary>The training data as a supernet's training splits it.</summary>
    public TrainingHalves Halves(DartsOptions darts, long seed) => TrainingHalves.Of(Data.Train, darts.AlphaShare, seed);

    /// <summary>A trained supernet with soft gates; of the present seed each is trained once, and handed out as a copy.</summary>
    public CellClassifier Supernet(DartsOptions darts, long seed, CancellationToken cancel)
    {
        if (seed != _seed)
            _trained.Clear();
        _seed = seed;
        var key = JsonSerializer.Serialize(darts);
        if (!_trained.TryGetValue(key, out var trained))
            _trained[key] = trained = Train(darts, seed, cancel);
        var copy = new CellClassifier(Model, Space, trained.Sizes, seed);
        copy.Gates = new SoftGates(copy.Alpha);
        using var noGrad = TorchSharp.torch.no_grad();
        foreach (var (to, from) in copy.Weights.Zip(trained.Weights))
            to.Parameter.copy_(from.Parameter);
        return copy;
    }

    /// <summary>Trains a genotype on all training data, and measures it on all images that were not trained on. One that connects nothing says the same class of every image.</summary>
    public Classification Train(Architecture architecture, long seed, Action<int> progress, CancellationToken cancel)
    {
        var options = GenotypeTraining;
        var genotype = CellClassifier.GenotypeOf(architecture);
        if (!CellGraph.IsConnected(Model.Cells.Nodes, genotype))
            return new(Math.Log(Data.Train.Classes), 1.0 / Data.Train.Classes, [], 1);
        var modelOptions = Model;
        modelOptions.Cells.Genotype = genotype;
        var model = new CellClassifier(modelOptions, null, Sizes, seed);
        using var step = new ClassifierStep(model, new WeightOptimizer(model.Weights, options), Data.Train, options, seed, null);
        for (var done = 0; done < options.Steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            step.Run(done);
            progress(done + 1);
        }
        var evaluator = new ClassifierEvaluator(model, 300, null);
        var (validation, test) = (evaluator.Run(Data.Validation), evaluator.Run(Data.Test));
        double Mean(Func<Classification, double> of) => (of(validation) * Data.Validation.Count + of(test) * Data.Test.Count) / (Data.Validation.Count + Data.Test.Count);
        return new(Mean(one => one.Loss), Mean(one => one.Accuracy), [], 1);
    }

    private ClassifierSizes Sizes => new(Data.Train.Width, Data.Train.Length, Data.Train.Classes);

    private CellClassifier Train(DartsOptions darts, long seed, CancellationToken cancel)
    {
        var options = SupernetTraining;
        TorchSharp.torch.set_num_threads(threads == 0 ? Environment.ProcessorCount : threads);
        var model = new CellClassifier(Model, Space, Sizes, seed);
        using var step = DartsTraining.Of(model, Data.Train, new SupernetOptions { Gates = "soft", Darts = darts }, Model, options, seed, null);
        for (var done = 0; done < options.Steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            step.Run(done);
        }
        return model;
    }

    private TrainerOptions Training(int length, double final) => new()
    {
        Steps = steps > 0 ? steps : length,
        BatchSize = 64,
        Optimizer = "sgd",
        LearningRate = 0.025,
        FinalLearningRate = final,
        WarmupSteps = 0,
        WeightDecay = 3e-4,
        ClipNorm = 5,
    };
}
