using System.Text.Json;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Supernets.Copies;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets;

/// <summary>A supernet that classifies.</summary>
internal sealed class ClassifierSubject(TrainedModel trained) : SearchSubject(trained)
{
    /// <summary>What the supernet was trained on, and what it is measured on.</summary>
    public LabeledDataset Data { get; } = LabeledDataset.Open(trained.Manifest.Recipe!["Data"].Deserialize<DataOptions>()!);

    private readonly Dictionary<Architecture, int> _best = [];

    public override bool Classifies => true;

    public override CostContext Cost { get; } = new(1);

    public override IReadOnlyDictionary<string, HostTensor> OneInput(Model model) => ((Classifier)Trained.Any).InputsOf(Data.Validation.Take([0]));

    /// <summary>Normalizations get the statistics of the architecture from training data; of several supernets the one that is best for it is used.</summary>
    public override void Activate(Architecture architecture)
    {
        base.Activate(architecture);
        if (Trained.Any is SupernetCopies copies)
            copies.Copy = _best.TryGetValue(architecture, out var known) ? known : _best[architecture] = Enumerable.Range(0, copies.Count).MaxBy(copy =>
            {
                copies.Copy = copy;
                EstimateStatistics();
                return Validate(copies).Accuracy;
            });
        EstimateStatistics();
    }

    private void EstimateStatistics()
    {
        const int batch = 128;
        const int batches = 8;
        var model = (Classifier)Trained.Any;
        if (model.Weights.Any(weight => weight.IsStatistic))
            EstimatedStatistics.Run(model, Data.Train.Batches(batch).Take(batches));
    }

    public override Quality Validate(Model model) => On(model, Data.Validation);

    public override Quality Test(Model model) => On(model, Data.Test);

    public override HostTensor HeldOutLogits(Model model, TextWriter log) => TorchRunner.Run(model, HeldOutSequences.Load((Classifier)Trained.Any, Trained.Manifest, log))["logits"];

    private static Quality On(Model model, LabeledSequences data)
    {
        const int batch = 300;
        var measured = new ClassifierEvaluator((Classifier)model, batch, null).Run(data);
        return new(measured.Loss, measured.Accuracy);
    }
}
