namespace OnnxMoe.Serving.Experts;

/// <summary>What a step of a model costs whose experts lie in slow memory and are brought over when they are needed.</summary>
/// <param name="Layers">Layers with experts, which all use the same ones.</param>
/// <param name="ExpertBytes">Bytes of one expert in one layer.</param>
/// <param name="LayerSeconds">Time to compute a layer, without its tokens.</param>
/// <param name="TokenSeconds">Time that each token adds to a layer.</param>
public sealed record StepCost(int Layers, long ExpertBytes, double LayerSeconds, double TokenSeconds)
{
    /// <summary>Bytes a second from slow to fast memory; PCIe 4.0 with 16 lanes.</summary>
    public double Bandwidth { get; init; } = 25e9;

    /// <summary>Seconds to bring one expert of one layer over.</summary>
    public double LoadSeconds => ExpertBytes / Bandwidth;
}
