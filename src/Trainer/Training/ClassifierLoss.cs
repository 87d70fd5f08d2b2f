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
        var ops = (TorchOps)context.Ops;
        var features = ops.Value(tensor(batch.Features, [batch.Count, batch.Length, batch.Width], device: ops.Device));
        var logits = TorchOps.TensorOf(model.Forward(features, null, context));
        return (nn.functional.cross_entropy(logits, tensor(batch.Labels, device: ops.Device)), logits.detach().argmax(-1, false));
    }
}
