namespace OnnxMoe.Placement.Mappings;

/// <summary>Seconds of a layer's forward and backward pass for one micro batch, on the slowest rank.</summary>
/// <param name="Dense">Matrix products of attention and the shared expert.</param>
/// <param name="Core">Attention proper.</param>
/// <param name="Experts">Matrix products of the experts.</param>
/// <param name="Elementwise">What is bound by memory: norms, permutation, activation functions.</param>
/// <param name="Tensor">All-gather and reduce-scatter over TP.</param>
/// <param name="Context">Keys and values over CP, as far as attention does not hide them.</param>
/// <param name="Dispatch">All-to-all over EP, there and back.</param>
/// <param name="ExpertTensor">All-gather and reduce-scatter over ETP.</param>
public readonly record struct LayerTime(double Dense, double Core, double Experts, double Elementwise, double Tensor, double Context, double Dispatch, double ExpertTensor)
{
    /// <summary>Together.</summary>
    public double Total => Dense + Core + Experts + Elementwise + Tensor + Context + Dispatch + ExpertTensor;

    /// <summary>Of the routed experts: products, exchange, and their elementwise work is with the rest.</summary>
    public double Moe => Experts + Dispatch + ExpertTensor;

    /// <summary>Transfers that nothing hides.</summary>
    public double Communication => Tensor + Context + Dispatch + ExpertTensor;

    /// <summary>One after the other.</summary>
    public static LayerTime operator +(LayerTime a, LayerTime b) => new(a.Dense + b.Dense, a.Core + b.Core, a.Experts + b.Experts, a.Elementwise + b.Elementwise,
        a.Tensor + b.Tensor, a.Context + b.Context, a.Dispatch + b.Dispatch, a.ExpertTensor + b.ExpertTensor);
}
