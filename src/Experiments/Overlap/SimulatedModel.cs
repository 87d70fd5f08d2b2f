namespace OnnxMoe.Experiments.Overlap;

/// <summary>The routed layers of a published model.</summary>
/// <param name="Name">As its authors write it.</param>
/// <param name="Experts">E.</param>
/// <param name="ExpertsPerToken">K.</param>
/// <param name="Hidden">N.</param>
/// <param name="Width">F.</param>
public sealed record SimulatedModel(string Name, int Experts, int ExpertsPerToken, int Hidden, int Width)
{
    /// <summary>Jiang et al. 2024, arXiv 2401.04088.</summary>
    public static SimulatedModel Mixtral { get; } = new("Mixtral-8x7B", 8, 2, 4096, 14336);

    /// <summary>Yang et al. 2024, arXiv 2407.10671, with the 64 routed experts that Comet's paper gives it.</summary>
    public static SimulatedModel Qwen2 { get; } = new("Qwen2-MoE-2.7B", 64, 4, 2048, 1408);

    /// <summary>Abdin et al. 2024, arXiv 2404.14219.</summary>
    public static SimulatedModel Phi { get; } = new("Phi-3.5-MoE", 16, 2, 4096, 6400);
}
