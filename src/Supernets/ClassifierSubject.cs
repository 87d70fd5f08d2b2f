using System.Text.Json;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets;

/// <summary>A supernet that classifies.</summary>
internal sealed class ClassifierSubject(TrainedModel trained) : SearchSubject(trained)
{
    private readonly LabeledDataset _data = LabeledDataset.Open(trained.Manifest.Recipe!["Data"].Deserialize<DataOptions>()!);

    public override bool Classifies => true;

    public override CostContext Cost { get; } = new(1);

    public override IReadOnlyDictionary<string, HostTensor> OneInput(Model model) => ((Classifier)Trained.Any).InputsOf(_data.Validation.Take([0]));

    public override Quality Validate(Model model) => On(model, _data.Validation);

    public override Quality Test(Model model) => On(model, _data.Test);

    public override HostTensor HeldOutLogits(Model model, TextWriter log) => TorchRunner.Run(model, HeldOutSequences.Load((Classifier)Trained.Any, Trained.Manifest, log))["logits"];

    private static Quality On(Model model, LabeledSequences data)
    {
        const int batch = 300;
        var measured = new ClassifierEvaluator((Classifier)model, batch, null).Run(data);
        return new(measured.Loss, measured.Accuracy);
    }
}
