namespace OnnxMoe.Artifacts.Routing;

/// <summary>One routed layer of a trace.</summary>
/// <param name="Layer">Number of the layer in the model (dense layers are counted too).</param>
/// <param name="Experts">E, how many routed experts the layer has; ids are 0 .. E-1.</param>
/// <param name="ExpertsPerToken">K, the slots a token has in this layer; an unused slot holds -1.</param>
public sealed record TracedLayer(int Layer, int Experts, int ExpertsPerToken);
