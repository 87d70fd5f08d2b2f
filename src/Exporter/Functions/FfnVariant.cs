namespace OnnxMoe.Exporter.Functions;

/// <summary>What the body of a GroupedFfn function depends on.</summary>
/// <param name="Half">The three weight stacks are float16.</param>
internal sealed record FfnVariant(string Activation, bool Gated, bool UpBias, bool DownBias, bool GateBias, bool Half);
