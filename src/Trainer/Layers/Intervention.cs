using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Changes what the routed layers of a trained model do in one forward pass, without changing the model: which experts are
/// necessary is found out by taking them away. Put into <see cref="ForwardContext.Intervention"/>.
/// </summary>
public abstract class Intervention
{
    /// <summary>The routing to use in place of the router's own.</summary>
    /// <param name="site">Block, and pass through its experts.</param>
    /// <param name="routing">What the router decided; <see cref="Routing.Probabilities"/> tell what else it could have.</param>
    public virtual Routing Reroute(RoutingSite site, Routing routing) => routing;

    /// <summary>False switches the shared experts there off.</summary>
    /// <param name="site">Block, and pass through its experts.</param>
    public virtual bool UsesSharedExperts(RoutingSite site) => true;
}
