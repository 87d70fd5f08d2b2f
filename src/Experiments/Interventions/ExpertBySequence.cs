using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Experiments.Interventions;

/// <summary>Each sequence meets one random expert, the same in all layers; every pass draws anew.</summary>
/// <param name="experts">N.</param>
/// <param name="length">Tokens of a sequence.</param>
/// <param name="seed">Of the draws.</param>
public sealed class ExpertBySequence(int experts, int length, long seed) : Intervention
{
    private long _pass;

    public override Routing Reroute(RoutingSite site, Routing routing)
    {
        _pass += site == default ? 1 : 0;
        var ops = routing.Indices.Ops;
        var tokens = ((Trainer.Ops.TorchValue)routing.Indices).Shape[0];
        long[] drawn = [.. Enumerable.Range(0, (int)tokens).Select(token => (long)(StatelessRandom.Next(seed, _pass, token / length) % (ulong)experts))];
        return routing with { Indices = ops.Constant(HostTensor.From(drawn, tokens, 1)) };
    }
}
