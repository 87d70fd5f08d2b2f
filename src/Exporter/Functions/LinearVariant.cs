namespace OnnxMoe.Exporter.Functions;

/// <summary>What the body of a GroupedLinear or QuantizedGroupedLinear function depends on.</summary>
/// <param name="PerPick">x is [T, K, D] rather than [T, D].</param>
/// <param name="Combined">The K rows of a token are weighted and summed.</param>
/// <param name="Form">Of the matrices.</param>
internal sealed record LinearVariant(bool PerPick, bool Bias, bool Combined, MatrixForm Form);
