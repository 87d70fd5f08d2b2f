using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The K most probable experts (Shazeer et al. 2017), or as many as <see cref="ForwardContext.ActiveExperts"/> says.</summary>
public sealed class TopKSelector(int expertsPerToken) : Selector
{
    public override (Value Picks, Value Probabilities) Select(Value probabilities, ForwardContext context)
    {
        var (values, picks) = context.ActiveExperts is { } active ? probabilities.TopK(active) : probabilities.TopK(expertsPerToken);
        return (picks, values);
    }
}
