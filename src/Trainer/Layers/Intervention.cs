using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Changes what the routed layers of a trained model do in one forward pass, without changing the model: which experts are
/// necessary is found out by taking them away. Put into <see cref="ForwardContext.Intervention"/>.
/// </summary>
public abstract class Intervention
{
    /// <summary>The routing to use in place of the router's own.</summary>
    /// <param name="layer">Number of the block.</param>
    /// <param name="routing">What the router decided; <see cref="Routing.Probabilities"/> tell what else it could have.</param>
    public virtual Routing Reroute(int layer, Routing routing) => routing;

    /// <summary>False switches the shared experts of the block off.</summary>
    /// <param name="layer">Number of the block.</param>
    public virtual bool UsesSharedExperts(int layer) => true;
}
