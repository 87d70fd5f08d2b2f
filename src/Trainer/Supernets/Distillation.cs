using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>A frozen teacher, and what students learn from it.</summary>
/// <param name="teacher">It is only run.</param>
/// <param name="options">The section Supernet:Distill.</param>
public sealed class Distillation(TransformerModel teacher, DistillOptions options)
{
    private readonly SelfAttentionRelation _objective = new(Heads(teacher, options), options.Loss == "kl");

    public TransformerModel Teacher => teacher;

    /// <summary>Relation heads.</summary>
    public static int Heads(TransformerModel teacher, DistillOptions options) =>
        options.RelationHeads > 0 ? options.RelationHeads : BlockBuilder.Heads(teacher.Options, teacher.Options.Layers - 1);

    /// <summary>What a supernet learns from the teacher that the settings name; null: they name none.</summary>
    /// <param name="modelFolder">Of the supernet.</param>
    /// <param name="options">The section Supernet:Distill.</param>
    /// <param name="supernet">The students.</param>
    /// <param name="tokenizer">The supernet's.</param>
    /// <exception cref="Artifacts.UserError">The teacher is missing or does not fit.</exception>
    public static Distillation? Of(string modelFolder, DistillOptions options, TransformerSupernet supernet, ITokenizer tokenizer) =>
        Teachers.Load(modelFolder, options, supernet, tokenizer) is { } teacher ? new(teacher, options) : null;

    /// <summary>The teacher on a batch.</summary>
    public DistillPass Teach(TaskBatch batch, Device? device)
    {
        using var noGrad = no_grad();
        return Run(teacher, batch, new TorchOps(training: false, device));
    }

    /// <summary>The loss of a student on a batch.</summary>
    /// <param name="student">A model, at its present architecture.</param>
    /// <param name="batch">For both.</param>
    /// <param name="taught">The teacher on it.</param>
    /// <param name="ops">Of the student.</param>
    public Tensor Loss(TransformerModel student, TaskBatch batch, DistillPass taught, TorchOps ops)
    {
        var pass = Run(student, batch, ops);
        var mask = batch.Source is { } source ? tensor(source.Mask, [batch.Tokens.Rows, source.Length], device: ops.Device) : null;
        var loss = _objective.Loss(pass, taught, mask);
        return options.TargetLoss == 0 ? loss : loss + (TransformerLoss.Of(pass.Logits, batch) * options.TargetLoss);
    }

    private static DistillPass Run(TransformerModel model, TaskBatch batch, TorchOps ops)
    {
        IReadOnlyList<Value> last = [];
        var context = new ForwardContext(ops) { WatchProjections = parts => last = parts };
        var logits = TransformerLoss.Logits(model, batch, context);
        return new DistillPass(logits, [.. last.Select(TorchOps.TensorOf)]);
    }
}
