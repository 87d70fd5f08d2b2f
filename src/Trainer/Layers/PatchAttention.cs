using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Attention whose heads are experts that each take a part of the sequence (UoE; Yang et al. 2025, arXiv 2503.02495): a head attends among
/// its own tokens alone, at their original positions, so projections fall with the part and scores with its square. Bidirectional; the
/// selection looks at the whole sequence.
/// </summary>
public sealed class PatchAttention(LayerScope scope, int size, HeadBank bank, PatchRouter router) : Attention(scope)
{
    public override IEnumerable<TokenCost> CostOfToken(CostContext context)
    {
        var (work, share) = (router.WorkShare(context), router.PatchShare(context));
        return
        [
            .. router.CostOfToken(context),
            new("attention", work * 2.0 * bank.Heads * bank.ParametersPerHead + work * share * 4.0 * size * context.Attended),
        ];
    }

    public override double IdleParameters(CostContext context) => (bank.Heads - router.ActiveExperts(context)) * bank.ParametersPerHead;

    public override Value Forward(Value x, ForwardContext context)
    {
        var input = context.Attention;
        var tokens = x.Reshape(-1, size);
        var routing = router.RouteSequences(tokens, context);
        var shape = routing.Rows.Shape(); // [B, N, C]
        var rows = routing.Rows.Reshape(-1);
        var heads = routing.Taken.Where(routing.Experts, routing.Experts.Scalar(-1)).Reshape(-1, 1); // [R, 1], R = B N C

        var parts = bank.Project(tokens.Gather(rows), heads).Reshape(Join(shape, x.Ops.Ints(3L * bank.HeadSize)))
            .Split(-1, bank.HeadSize, bank.HeadSize, bank.HeadSize); // each [B, N, C, d]
        var positions = input.Positions.Reshape(-1).Gather(routing.Rows);
        var (cosine, sine) = (input.Cos.Gather(positions), input.Sin.Gather(positions)); // [B, N, C, d / 2]
        var mixed = Compositions.MaskedAttention(Compositions.Rotate(parts[0], cosine, sine), Compositions.Rotate(parts[1], cosine, sine), parts[2],
            routing.Taken.Unsqueeze(2));
        var outputs = bank.Output(mixed.Reshape(-1, 1, bank.HeadSize), heads, mixed.Scalar(1).Expand(heads.Shape())); // [R, D]
        return UnionMerge.Merge(outputs, rows, tokens, routing.Gate).Reshape(x.Shape());
    }

    private static Value Join(params Value[] sizes) => sizes.Concat(0);
}
