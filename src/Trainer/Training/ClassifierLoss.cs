using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Cross-entropy of a classifier.</summary>
public static class ClassifierLoss
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
    /// <param name="logits">[B, classes]</param>
    /// <param name="batch">Has the labels.</param>
    /// <param name="weights">[B], what each example's loss is multiplied by before the mean; null: 1.</param>
    public static Tensor CrossEntropy(Tensor logits, LabeledSequences batch, double[]? weights = null)
    {
        var labels = tensor(batch.Labels, device: logits.device);
        return weights is null ? nn.functional.cross_entropy(logits, labels)
            : (nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.None) * tensor(weights, dtype: ScalarType.Float32, device: logits.device)).mean();
    }
}
