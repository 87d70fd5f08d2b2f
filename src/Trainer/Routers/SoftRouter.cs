using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Soft routing: every token meets all experts, in their order, weighted by the softmax of the scores, so the weights of a token sum to 1. There
/// are no router losses: nothing has to be balanced.
/// </summary>
/// <param name="scope">Of the router's weights.</param>
/// <param name="head">Makes the scores.</param>
/// <param name="experts">E.</param>
/// <param name="active">Where not 0: the weights of all but so many of the most probable experts are 0, the others stay as they are.</param>
public sealed class SoftRouter(LayerScope scope, ScoreHead head, int experts, int active = 0) : Router(scope, experts, experts)
{
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => head.CostOfToken(context);

    /// <inheritdoc/>
    /// <returns>Indices 0 to E - 1 and their weights, [T, E].</returns>
    public override Routing Route(Value x, ForwardContext context)
    {
        var probabilities = head.Score(x, context).Softmax(); // [T, E]
        var numbers = context.Ops.Constant(HostTensor.Vector([.. Enumerable.Range(0, Experts).Select(e => (long)e)]));
        var weights = probabilities;
        if (active > 0 && active < Experts)
        {
            var kept = probabilities.TopK(active).Indices.Unsqueeze(-1).Equal(numbers); // [T, active, E]
            weights *= kept.Cast(probabilities.Type).ReduceSum([1], keepDims: false);
        }
        return new Routing(numbers.Expand(probabilities.Shape()), weights) { Probabilities = probabilities };
    }
}
