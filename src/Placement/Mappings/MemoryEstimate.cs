namespace OnnxMoe.Placement.Mappings;

/// <summary>Bytes on the fullest GPU.</summary>
/// <param name="Weights">bf16.</param>
/// <param name="Gradients">fp32.</param>
/// <param name="Optimizer">fp32 weights and the two moments of Adam, divided over the ranks that hold the same weights.</param>
/// <param name="Activations">What the backward pass needs, of all micro batches under way.</param>
/// <param name="Runtime">An allowance.</param>
public readonly record struct MemoryEstimate(double Weights, double Gradients, double Optimizer, double Activations, double Runtime)
{
    /// <summary>Together.</summary>
    public double Total => Weights + Gradients + Optimizer + Activations + Runtime;
}
