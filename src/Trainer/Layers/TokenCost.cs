namespace OnnxMoe.Trainer.Layers;

/// <summary>What one token costs in one part of a model.</summary>
/// <param name="Part">Kind of the part: attention, router, experts, shared experts, ffn, head, ...</param>
/// <param name="Flops">Floating-point operations; a multiplication and an addition are two.</param>
public sealed record TokenCost(string Part, double Flops);
