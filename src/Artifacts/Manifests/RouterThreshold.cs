namespace OnnxMoe.Artifacts.Manifests;

/// <summary>
/// A model whose routers add experts until their probabilities sum to a threshold, which its ONNX file takes as the optional input
/// <see cref="Input"/> (float, a scalar) (top-p routing, Huang et al. 2024, arXiv 2403.07652).
/// </summary>
/// <param name="Default">The threshold of the training, which the file takes when nobody says.</param>
public sealed record RouterThreshold(double Default)
{
    /// <summary>The input's name.</summary>
    public const string Input = "router_threshold";
}
