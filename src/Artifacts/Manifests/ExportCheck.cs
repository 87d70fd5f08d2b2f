namespace OnnxMoe.Artifacts.Manifests;

/// <summary>A comparison of an exported file with the model it was made from.</summary>
/// <param name="Name">What was compared, for example "prefill".</param>
/// <param name="MaxAbsolute">The largest absolute difference of a logit.</param>
/// <param name="MaxRelative">The same, relative to the largest logit.</param>
public sealed record ExportCheck(string Name, double MaxAbsolute, double MaxRelative);
