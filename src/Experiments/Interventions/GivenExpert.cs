using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Experiments.Interventions;

/// <summary>All tokens meet one expert in all layers.</summary>
public sealed class GivenExpert(int expert) : Intervention
{
    public override Routing Reroute(int layer, Routing routing) => routing with { Indices = routing.Indices * 0 + expert };
}
