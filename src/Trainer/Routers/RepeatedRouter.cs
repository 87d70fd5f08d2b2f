using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>Decides as another routed layer has decided earlier in the same pass; has no weights and no losses of its own.</summary>
/// <param name="scope">Empty.</param>
/// <param name="first">The layer whose decisions are repeated.</param>
public sealed class RepeatedRouter(LayerScope scope, RoutedLayer first) : Router(scope, first.Router.Experts, first.Router.ExpertsPerToken)
{
    public override Routing Route(Value x, ForwardContext context) => context.Routings.Last(entry => entry.Layer == first).Routing;
}
