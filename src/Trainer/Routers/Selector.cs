using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Selects each token's experts by their probabilities.</summary>
public abstract class Selector
{
    /// <param name="probabilities">[T, N]</param>
    /// <param name="context">Of this forward pass.</param>
    /// <returns>
    /// The selected experts [T, K] in the order of falling probability, of equal ones the lower index first, -1 for no expert; and
    /// their probabilities [T, K], 0 for no expert.
    /// </returns>
    public abstract (Value Picks, Value Probabilities) Select(Value probabilities, ForwardContext context);
}
