namespace OnnxMoe.Artifacts.Manifests;

/// <summary>A comparison of an exported file with the model it was made from.</summary>
/// <param name="Name">What was compared, for example "prefill".</param>
/// <param name="MaxAbsolute">The largest absolute difference of a logit.</param>
/// <param name="MaxRelative">The same, relative to the largest logit.</param>
public sealed record ExportCheck(string Name, double MaxAbsolute, double MaxRelative)
{
    /// <summary>
    /// The root mean square of the differences relative to that of the model's outputs, where kernels that round what goes into their products are compared; else
    /// null.
    /// </summary>
    public double? MeanRelative { get; init; }
}
