using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Next-token cross-entropy.</summary>
public static class LanguageModelLoss
{
    /// <summary>Mean cross-entropy of a batch in nats a token, as a scalar tensor; routings and router losses go to the context.</summary>
    public static Tensor Of(DecoderLm model, TokenBatch batch, ForwardContext context) => CrossEntropy(model, batch, context, nn.Reduction.Mean);

    /// <summary>The cross-entropy of each token of a batch in nats [B * S]; routings go to the context.</summary>
    public static Tensor PerToken(DecoderLm model, TokenBatch batch, ForwardContext context) => CrossEntropy(model, batch, context, nn.Reduction.None);

    private static Tensor CrossEntropy(DecoderLm model, TokenBatch batch, ForwardContext context, nn.Reduction reduction)
    {
        var ops = (TorchOps)context.Ops;
        var (ids, positions) = batch.ToValues(ops);
        var logits = TorchOps.TensorOf(model.Forward(ids, positions, context));
        return nn.functional.cross_entropy(logits.reshape(-1, model.Vocabulary), tensor(batch.Targets, device: ops.Device), reduction: reduction);
    }
}
