using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The K most probable experts (Shazeer et al. 2017), or as many as <see cref="ForwardContext.ActiveExperts"/> says.</summary>
/// <param name="expertsPerToken">K.</param>
/// <param name="adjustable">False: always K, where the context speaks of other experts.</param>
public sealed class TopKSelector(int expertsPerToken, bool adjustable = true) : Selector
{
    public override (Value Picks, Value Probabilities) Select(Value probabilities, ForwardContext context)
    {
        var (values, picks) = adjustable && context.ActiveExperts is { } active ? probabilities.TopK(active) : probabilities.TopK(expertsPerToken);
        return (picks, values);
    }
}
