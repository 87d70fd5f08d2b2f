using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>What a pass leaves for distillation.</summary>
/// <param name="Logits">[B, S, vocabulary]</param>
/// <param name="Projections">Queries, keys and values of the last self-attention, each [B, S, its width], before they are rotated.</param>
public sealed record DistillPass(Tensor Logits, IReadOnlyList<Tensor> Projections);
