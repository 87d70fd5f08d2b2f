namespace OnnxMoe.Placement.Mappings;

/// <summary>What a mapping is predicted to do.</summary>
/// <param name="Mapping">The mapping.</param>
/// <param name="Memory">On the fullest GPU.</param>
/// <param name="Layer">Forward and backward pass of one layer and micro batch.</param>
/// <param name="Seconds">Of a step.</param>
/// <param name="Bubble">Of which a stage waits for others.</param>
/// <param name="Pipeline">Of which activations move between stages and nothing hides it.</param>
/// <param name="DataParallel">Of which gradients and weights move between ranks that hold the same weights and nothing hides it.</param>
/// <param name="Optimizer">Of which the optimizer runs.</param>
/// <param name="Mfu">Share of the GPUs' peak that useful operations use.</param>
public sealed record StepEstimate(
    Mapping Mapping, MemoryEstimate Memory, LayerTime Layer, double Seconds, double Bubble, double Pipeline, double DataParallel, double Optimizer, double Mfu);
