namespace OnnxMoe.Artifacts.Manifests;

/// <summary>What storing the weights in fewer bits does to a model on held-out data.</summary>
/// <param name="Metric">"perplexity" (lower is better), "accuracy" (higher is better), or, where there are no data to measure on, "difference": the largest of an output, relative to the largest output.</param>
/// <param name="Model">Of the float32 model.</param>
/// <param name="File">Of the file, run as it will be served.</param>
/// <param name="Count">Predictions that it was measured on.</param>
public sealed record ExportQuality(string Metric, double Model, double File, int Count);
