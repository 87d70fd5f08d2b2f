using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Takes what was decided before the model ran: each token has the expert of <see cref="ForwardContext.ExpertIds"/> at weight 1, the same in
/// all layers (Cai et al. 2024, Read-ME, arXiv 2410.19123).
/// </summary>
public sealed class PreGatedRouter(LayerScope scope, int experts) : Router(scope, experts, expertsPerToken: 1)
{
    /// <summary>The ids as they are; a run with one outside of 0 to below <paramref name="experts"/> fails, where otherwise -1 would mean no expert at all.</summary>
    /// <param name="ids">[B, S] int64.</param>
    /// <param name="experts">N.</param>
    public static Value Checked(Value ids, int experts)
    {
        var all = ids.Ops.Ints([.. Enumerable.Range(0, experts).Select(e => (long)e)]);
        return all.Gather(ids.Less(ids.Scalar(0)).Where(ids.Scalar(experts), ids));
    }

    public override Routing Route(Value x, ForwardContext context)
    {
        var ids = context.ExpertIds
            ?? throw new UserError($"The model takes each token's expert as the input '{PreGate.ExpertIds}', which its router decides; it was not given.");
        var picks = ids.Reshape(-1, 1); // [T, 1]
        return new Routing(picks, x.Ops.Constant(HostTensor.Scalar(1f)).Expand(picks.Shape()));
    }
}
