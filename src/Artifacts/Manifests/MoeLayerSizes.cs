namespace OnnxMoe.Artifacts.Manifests;

/// <summary>One MoE layer.</summary>
/// <param name="Layer">The layer's number in the model, from 0.</param>
/// <param name="Experts">Number of routed experts.</param>
/// <param name="ExpertsPerToken">Slots K of a token, in each iteration.</param>
/// <param name="ExpertHidden">Hidden width of one expert.</param>
/// <param name="Gated">True for experts of the form down(activation(gate x) * (up x)).</param>
/// <param name="SharedHidden">Hidden width of all shared experts together; 0 when there is none.</param>
/// <param name="ExpertBytes">Bytes of one expert's weights in the exported fp32 file.</param>
/// <param name="ExpertFlops">Floating point operations of one expert for one token.</param>
public sealed record MoeLayerSizes(
    int Layer, int Experts, int ExpertsPerToken, int ExpertHidden, bool Gated, int SharedHidden, long ExpertBytes, long ExpertFlops)
{
    /// <summary>How many times a token passes the layer's experts, each time by a router's new choice (Chain-of-Experts); the experts are stored once.</summary>
    public int Iterations { get; init; } = 1;
}
