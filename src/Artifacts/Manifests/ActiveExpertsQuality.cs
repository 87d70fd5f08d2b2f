namespace OnnxMoe.Artifacts.Manifests;

/// <summary>What a model gives and costs with some number of active experts.</summary>
/// <param name="K">Experts a token.</param>
/// <param name="ValidationLoss">Cross entropy on held-out text, in nats a token.</param>
/// <param name="FlopsPerToken">Floating point operations of one token.</param>
public sealed record ActiveExpertsQuality(int K, double ValidationLoss, double FlopsPerToken);
