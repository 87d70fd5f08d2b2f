using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Cross-entropy of a transformer over tokens on a batch of its task.</summary>
public static class TransformerLoss
{
    /// <summary>The model's logits [rows, length, vocabulary].</summary>
    public static Tensor Logits(TransformerModel model, TaskBatch batch, ForwardContext context)
    {
        var ops = (TorchOps)context.Ops;
        var (ids, positions) = batch.Tokens.ToValues(ops);
        switch (model)
        {
            case DecoderLm decoder:
                return TorchOps.TensorOf(decoder.Forward(ids, positions, context));
            case MaskedLm masked:
                return TorchOps.TensorOf(masked.Forward(ids, null, context));
            default:
                var translator = (EncoderDecoder)model;
                Value Read(long[] source) => ops.Value(tensor(source, [batch.Tokens.Rows, batch.Source!.Length], device: ops.Device));
                translator.Read(Read(batch.Source!.Ids), Read(batch.Source.Mask), context);
                return TorchOps.TensorOf(translator.Write(ids, context));
        }
    }

    /// <summary>Mean cross-entropy in nats of the tokens that are asked for, as a scalar.</summary>
    /// <param name="logits">See <see cref="Logits"/>.</param>
    /// <param name="batch">Has the targets.</param>
    /// <param name="smoothing">Of the labels: that part of the target is spread over all ids.</param>
    public static Tensor Of(Tensor logits, TaskBatch batch, double smoothing = 0)
    {
        var targets = tensor(batch.Tokens.Targets, device: logits.device);
        var flat = logits.reshape(-1, logits.shape[^1]);
        var loss = nn.functional.cross_entropy(flat, targets, ignore_index: TaskBatch.Ignored);
        if (smoothing == 0)
            return loss;
        var asked = targets.ne(TaskBatch.Ignored).to(flat.dtype);
        var uniform = (flat.log_softmax(-1).mean([-1]) * asked).sum() / asked.sum();
        return (loss * (1 - smoothing)) - (uniform * smoothing);
    }

    /// <summary>Mean loss over batches, each token counting the same.</summary>
    /// <param name="model">What is measured.</param>
    /// <param name="batches">On what.</param>
    /// <param name="device">Where the model is; null: the CPU.</param>
    /// <param name="loss">Mean loss of a batch; null: cross-entropy.</param>
    public static double Measure(TransformerModel model, IEnumerable<TaskBatch> batches, Device? device, Func<TaskBatch, TorchOps, Tensor>? loss = null)
    {
        using var noGrad = no_grad();
        var ops = new TorchOps(training: false, device);
        var (sum, count) = (0.0, 0L);
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            var measured = loss?.Invoke(batch, ops) ?? Of(Logits(model, batch, new ForwardContext(ops)), batch);
            sum += measured.item<float>() * (double)batch.Predicted;
            count += batch.Predicted;
        }
        return sum / count;
    }
}
