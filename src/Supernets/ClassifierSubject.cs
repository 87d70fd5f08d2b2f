using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Supernets.Copies;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets;

/// <summary>A supernet that classifies.</summary>
/// <param name="trained">The supernet.</param>
/// <param name="calibration">Of subnetworks that are quantized.</param>
internal sealed class ClassifierSubject(TrainedModel trained, CalibrationOptions calibration) : SearchSubject(trained)
{
    private readonly Dictionary<Architecture, int> _best = [];
    private StaticQuantizer? _quantizer;

    /// <summary>What the supernet was trained on, and what it is measured on.</summary>
    public LabeledDataset Data { get; } = LabeledDataset.Open(trained.Manifest.Recipe!["Data"].Deserialize<DataOptions>()!);

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

    public override Quality Validate(Model model) => On(model, Data.Validation);

    public override Quality Test(Model model) => On(model, Data.Test);

    public override HostTensor HeldOutLogits(Model model, TextWriter log) => TorchRunner.Run(model, HeldOutSequences.Load((Classifier)Trained.Any, Trained.Manifest, log))["logits"];

    public override string Conditions => QuantGenes.AreIn(Supernet.Space) ? $"-{calibration.Method}{calibration.Samples}" : "";

    public override void Describe(JsonObject measured)
    {
        if (_quantizer?.Examples is { } examples)
            measured["calibration"] = new JsonObject { ["method"] = calibration.Method, ["samples"] = examples.Samples, ["sha256"] = examples.Sha256 };
    }

    public override bool IsChanged(Architecture architecture) => Supernet.OptionsOf(architecture).Quantization.Bits.Length > 0;

    protected override Model Finished(Architecture architecture, Model extracted)
    {
        var options = Supernet.OptionsOf(architecture);
        if (options.Quantization.Bits.Length == 0)
            return extracted;
        var quantized = ClassifierRun.Build(options, new SupernetOptions(), null, ((Classifier)extracted).Sizes, seed: 0, device: null);
        (_quantizer ??= new(Data, calibration)).Quantize((Classifier)extracted, quantized);
        return quantized;
    }

    private void EstimateStatistics()
    {
        const int batch = 128;
        const int batches = 8;
        var model = (Classifier)Trained.Any;
        if (model.Weights.Any(weight => weight.IsStatistic))
            EstimatedStatistics.Run(model, Data.Train.Batches(batch).Take(batches));
    }

    private static Quality On(Model model, LabeledSequences data)
    {
        const int batch = 300;
        var measured = new ClassifierEvaluator((Classifier)model, batch, null).Run(data);
        return new(measured.Loss, measured.Accuracy);
    }
}
