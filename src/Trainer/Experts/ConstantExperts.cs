using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Experts;

/// <summary>
/// C constant experts: expert c gives a1 x + a2 v_c with a learned vector v_c and (a1, a2) = softmax(W_c x)
/// (Jin et al. 2024, arXiv 2410.07348, section 3.1).
/// </summary>
public sealed class ConstantExperts(LayerScope scope, int count, int size, double deviation) : Layer(scope)
{
    private readonly Weight _mixing = scope.Normal("mixing", deviation, size, 2 * count); // W_0, W_1, ... side by side
    private readonly Weight _vectors = scope.Normal("vectors", 1, count, size);

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [new("constant experts", 2.0 * Weights.Sum(w => w.Parameter.numel()))];

    /// <param name="x">[T, D]</param>
    /// <param name="weights">[T, C]: the weight of each, 0 for those not picked.</param>
    /// <returns>[T, D]: the weighted sum.</returns>
    public Value Apply(Value x, Value weights)
    {
        var shares = x.MatMul(_mixing).Reshape(-1, count, 2).Softmax() * weights.Unsqueeze(-1); // [T, C, 2]
        var parts = shares.Split(-1, 1, 1);
        return x * parts[0].ReduceSum([1], keepDims: false) + parts[1].Squeeze(-1).MatMul(_vectors);
    }
}
