using System.Text.Json;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Supernets;

/// <summary>A supernet of transformers over tokens, measured by what it was trained on: cross-entropy, or the distance from its teacher.</summary>
internal sealed class TransformerSubject : SearchSubject
{
    private const int Rows = 16;

    private readonly TokenTask _task;
    private readonly TaskBatch _batch;
    private readonly TaskBatch _one;
    private readonly Distillation? _distillation;

    public TransformerSubject(string modelFolder, TrainedModel trained, TextWriter log) : base(trained)
    {
        var recipe = trained.Manifest.Recipe!;
        var (options, trainer) = (recipe["Model"].Deserialize<ModelOptions>()!, recipe["Trainer"].Deserialize<TrainerOptions>()!);
        _task = TokenTask.Of(recipe["Data"].Deserialize<DataOptions>()!, options, trainer.SequenceLength == 0 ? options.ContextLength : trainer.SequenceLength, trainer.EvaluationTokens, log);
        _batch = _task.HeldOut(test: true, 4).First();
        _one = _task.HeldOut(test: false, 1).First();
        _distillation = Supernet is TransformerSupernet elastic ? Distillation.Of(modelFolder, recipe["Supernet"].Deserialize<SupernetOptions>()!.Distill, elastic, _task.Tokenizer) : null;
    }

    public override bool Classifies => false;

    public override string LossUnit => _distillation is null ? "nats" : "distance from the teacher";

    /// <summary>A token of the mean position.</summary>
    public override CostContext Cost => new((_one.Tokens.Length + 1) / 2.0);

    public override IReadOnlyDictionary<string, HostTensor> OneInput(Model model) =>
        model is DecoderLm ? CausalLmStep.Inputs(model, [_one.Tokens.Inputs]) : _one.ToInputs();

    public override Quality Validate(Model model) => new(Measure(model, test: false));

    public override Quality Test(Model model) => new(Measure(model, test: true));

    public override HostTensor HeldOutLogits(Model model, TextWriter log)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return TorchTensors.ToHost(TransformerLoss.Logits((TransformerModel)model, _batch, new ForwardContext(new TorchOps())));
    }

    private double Measure(Model model, bool test) => TransformerLoss.Measure((TransformerModel)model, _task.HeldOut(test, Rows), null,
        _distillation is null ? null : (batch, ops) => _distillation.Loss((TransformerModel)model, batch, _distillation.Teach(batch, null), ops));
}
