namespace OnnxMoe.Exporter.Functions;

/// <summary>What the body of a GroupedFfn or QuantizedGroupedFfn function depends on.</summary>
/// <param name="Form">Of the weight stacks.</param>
internal sealed record FfnVariant(string Activation, bool Gated, bool UpBias, bool DownBias, bool GateBias, MatrixForm Form);
