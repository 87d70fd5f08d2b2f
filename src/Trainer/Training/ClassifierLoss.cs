using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Cross-entropy of a classifier.</summary>
internal static class ClassifierLoss
{
    /// <summary>Mean cross-entropy of a batch in nats, as a scalar tensor, and the classes [B] that the model finds most probable.</summary>
    public static (Tensor Loss, Tensor Classes) Of(Classifier model, LabeledSequences batch, ForwardContext context)
    {
        var logits = Logits(model, batch, context);
        return (CrossEntropy(logits, batch), logits.detach().argmax(-1, false));
    }

    /// <summary>Logits [B, classes] of a batch.</summary>
    public static Tensor Logits(Classifier model, LabeledSequences batch, ForwardContext context)
    {
        var ops = (TorchOps)context.Ops;
        return TorchOps.TensorOf(model.Forward(ops.Value(tensor(batch.Features, [batch.Count, batch.Length, batch.Width], device: ops.Device)), null, context));
    }

    /// <summary>Mean cross-entropy of a batch in nats, as a scalar tensor.</summary>
    public static Tensor CrossEntropy(Tensor logits, LabeledSequences batch) => nn.functional.cross_entropy(logits, tensor(batch.Labels, device: logits.device));
}
