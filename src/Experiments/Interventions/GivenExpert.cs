using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Experiments.Interventions;

/// <summary>All tokens meet one expert in all layers.</summary>
public sealed class GivenExpert(int expert) : Intervention
{
    public override Routing Reroute(RoutingSite site, Routing routing) => routing with { Indices = routing.Indices * 0 + expert };
}
