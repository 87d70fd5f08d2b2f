namespace OnnxMoe.Artifacts.Manifests;

/// <summary>
/// A model whose tokens meet as many experts as the caller says, through the optional input <see cref="Input"/> (int64 [1]) of its ONNX
/// file (SMoE-Dropout, Chen et al. 2023, arXiv 2303.01610).
/// </summary>
/// <param name="Least">Fewest experts a token.</param>
/// <param name="Most">Most experts a token.</param>
/// <param name="Default">What the file takes when nobody says.</param>
/// <param name="Measured">The numbers that were measured, ascending; when there are any, only these are offered.</param>
public sealed record ActiveExperts(int Least, int Most, int Default, IReadOnlyList<ActiveExpertsQuality> Measured)
{
    /// <summary>The input's name.</summary>
    public const string Input = "active_experts";

    /// <summary>What is wrong with a number of experts, as the rest of a sentence that begins with its name; null when it is offered.</summary>
    public string? Problem(long experts) =>
        experts < Least || experts > Most ? $"must be between {Least} and {Most}, not {experts}"
        : Measured.Count > 0 && Measured.All(quality => quality.K != experts) ? $"must be one of {string.Join(", ", Measured.Select(quality => quality.K))}, not {experts}"
        : null;
}
