using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Scores every expert for every token: the first part of a router.</summary>
public abstract class ScoreHead(LayerScope scope) : Layer(scope)
{
    /// <param name="x">[T, D]: the normalized input of the layer.</param>
    /// <param name="context">Carries state between layers.</param>
    /// <returns>Logits [T, N], N counting the experts of all kinds.</returns>
    public abstract Value Score(Value x, ForwardContext context);
}
