namespace OnnxMoe.Artifacts.Manifests;

/// <summary>What a program needs to know to run a classifier of sequences of feature vectors.</summary>
/// <param name="Features">Numbers of one position.</param>
/// <param name="Length">Positions of the sequences it was trained on.</param>
/// <param name="Classes">Width of the logits.</param>
public sealed record ClassifierSizes(int Features, int Length, int Classes);
