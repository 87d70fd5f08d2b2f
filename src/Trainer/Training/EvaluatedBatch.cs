using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>One batch of an evaluation, with what the model did.</summary>
/// <param name="Batch">Inputs and targets [B, S].</param>
/// <param name="Context">Holds the routing of each routed layer, of T = B * S tokens.</param>
/// <param name="Losses">Cross-entropy of each token in nats [T].</param>
public sealed record EvaluatedBatch(TokenBatch Batch, ForwardContext Context, Tensor Losses);
