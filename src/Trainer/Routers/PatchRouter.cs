using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The hierarchical routing of UoE (Yang et al. 2025, arXiv 2503.02495): which experts run for a sequence, and which of its patches each
/// of them takes. Both look at the whole sequence, so a causal model cannot use it. Scores are normalized for each patch by itself.
/// </summary>
/// <param name="scope">Of the router's weights.</param>
/// <param name="head">Scores the experts for each token; a patch has the mean of its tokens.</param>
/// <param name="sequence">Selects the experts of a sequence; null: all run.</param>
/// <param name="selector">Gives the experts their patches.</param>
/// <param name="patch">Tokens of a patch.</param>
/// <param name="gated">
/// True: the output of a token is multiplied by the probabilities of the experts that took it, summed (times those of the sequence's
/// experts), which is 1 when all took it. False: it is not, and the router gets no gradient.
/// </param>
/// <param name="losses">Added to the objective while training.</param>
/// <param name="expertsPerToken">K: a patch is taken by at most so many.</param>
public sealed class PatchRouter(LayerScope scope, ScoreHead head, ExpertSelector? sequence, PatchSelector selector, int patch, bool gated,
    IReadOnlyList<RouterLoss> losses, int expertsPerToken) : Router(scope, selector.Experts, expertsPerToken)
{
    /// <summary>The selection costs less than the scores by the length of the sequence.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => head.CostOfToken(context);

    public override double ActiveExperts(CostContext context) => Math.Min(ExpertsPerToken, Experts * WorkShare(context));

    /// <summary>What all experts together run on, relative to all of them on all tokens: (k / N) (C / M).</summary>
    public double WorkShare(CostContext context) => PatchShare(context) * (sequence?.Count ?? Experts) / Experts;

    /// <summary>C / M: the share of a sequence that an expert runs on.</summary>
    public double PatchShare(CostContext context) => selector.Share(context.Attended / patch);

    public override Routing Route(Value x, ForwardContext context) => RouteSequences(x, context).Tokens;

    /// <param name="x">[B * S, D]</param>
    /// <param name="context">Gives B, S and the padding.</param>
    public PatchRouting RouteSequences(Value x, ForwardContext context)
    {
        var input = context.Attention;
        var (batch, length) = (input.Positions.Size(0), input.Positions.Size(1));
        var real = input.Mask?.Cast(x.Type).Unsqueeze(2); // [B, S, 1]
        var logits = head.Score(x, context); // [B * S, N]
        var (scores, realPatches) = OfPatches(logits.Reshape(Join(batch, length, x.Ops.Ints(Experts))), real);

        Value? experts = null, mass = null;
        if (sequence is not null)
        {
            (experts, var isSelected, mass) = sequence.Select(x.Reshape(Join(batch, length, x.Size(1))), real);
            scores = isSelected.Where(scores, scores.Scalar(CausalMask.Unseen));
        }
        var probabilities = scores.Softmax(); // [B, M, N]
        var selection = selector.Select(probabilities, realPatches?.Greater(realPatches.Scalar(0)));

        var gate = selection.Kept.ReduceSum([-1]); // [B, M, 1]
        if (mass is not null)
            gate = gate * mass;
        var picks = OfTokens(selection.Picks, batch, length);
        if (real is not null)
            picks = real.Reshape(-1, 1).Greater(real.Scalar(0)).Where(picks, picks.Scalar(-1));
        var tokenGate = gated ? OfTokens(gate, batch, length) : null;
        var weights = (tokenGate ?? logits.Scalar(1)).Expand(picks.Shape());
        if (context.Ops.IsTraining)
        {
            foreach (var loss in losses)
                loss.AddTo(context, new RouterDecision(logits, logits.Softmax(), picks));
        }
        var (of, rows, taken) = Rows(selection, experts, real, batch, length);
        return new PatchRouting(new Routing(picks, weights) { Probabilities = OfTokens(probabilities, batch, length) }, tokenGate, of, rows, taken);
    }

    /// <summary>Means over the real tokens of each patch [B, M, N], and how many those are [B, M, 1].</summary>
    private (Value Means, Value? Real) OfPatches(Value tokens, Value? real)
    {
        if (patch == 1)
            return (tokens, real);
        var parts = tokens.Reshape(0, -1, patch, Experts);
        if (real is null)
            return (parts.ReduceMean([2], keepDims: false), null);
        var mask = real.Reshape(0, -1, patch, 1);
        var count = mask.ReduceSum([2], keepDims: false);
        return ((parts * mask).ReduceSum([2], keepDims: false) / count.Max(count.Scalar(1)), count);
    }

    /// <summary>[B, M, K] to [B * S, K]: each token has what its patch has.</summary>
    private Value OfTokens(Value patches, Value batch, Value length)
    {
        var width = patches.Size(2);
        if (patch > 1)
            patches = patches.Unsqueeze(2).Expand(Join(batch, length / length.Scalar(patch), length.Ops.Ints(patch), width));
        return patches.Reshape(Join(length.Ops.Ints(-1), width));
    }

    /// <summary>The experts that run, with their tokens: see <see cref="PatchRouting"/>.</summary>
    private (Value Experts, Value Rows, Value Taken) Rows(PatchSelection selection, Value? experts, Value? real, Value batch, Value length)
    {
        var ops = length.Ops;
        var (rows, taken) = (selection.Patches, selection.Taken);
        if (experts is not null)
        {
            var place = experts.Unsqueeze(2).Expand(Join(batch, ops.Ints(sequence!.Count), rows.Size(2)));
            (rows, taken) = (rows.GatherElements(place, 1), taken.Cast(ElementType.Int64).GatherElements(place, 1).Cast(ElementType.Bool));
        }
        if (patch > 1)
        {
            var within = ops.Constant(HostTensor.From(Enumerable.Range(0, patch).Select(i => (long)i).ToArray(), patch));
            rows = (rows.Unsqueeze(3) * patch + within).Reshape(0, 0, -1);
            taken = taken.Unsqueeze(3).And(within.Equal(within)).Reshape(0, 0, -1);
        }
        var zero = ops.Constant(HostTensor.Scalar(0L));
        var first = zero.Range(batch.Squeeze(0), ops.Constant(HostTensor.Scalar(1L))) * length; // [B]
        rows = rows + first.Unsqueeze(1, 2);
        if (real is not null)
            taken = taken.And(real.Reshape(-1).Gather(rows).Greater(real.Scalar(0)));
        var all = ops.Constant(HostTensor.From(Enumerable.Range(0, Experts).Select(e => (long)e).ToArray(), 1, Experts));
        return ((experts ?? all).Unsqueeze(2).Expand(rows.Shape()), rows, taken);
    }

    private static Value Join(params Value[] sizes) => sizes.Concat(0);
}
