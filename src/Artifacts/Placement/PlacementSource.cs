namespace OnnxMoe.Artifacts.Placement;

/// <summary>What a plan was made from, so that it is never applied to something else.</summary>
/// <param name="Model">Name of the model.</param>
/// <param name="ModelHash">SHA-256 of the model's weights (or of its manifest entry); empty when planned without a model folder.</param>
/// <param name="Trace">File name of the trace or of the expert counts.</param>
/// <param name="TraceHash">SHA-256 of that file.</param>
/// <param name="Tokens">Tokens of the trace; 0 for expert counts.</param>
/// <param name="Cluster">Name of the cluster.</param>
public sealed record PlacementSource(string Model, string ModelHash, string Trace, string TraceHash, long Tokens, string Cluster);
