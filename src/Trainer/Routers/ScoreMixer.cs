using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// Stands between a router's softmax and its selection: a token's expert probabilities become an average of those of related tokens,
/// p_i = sum over j of Q_ij r_j (Graph of Tokens, Nguyen et al. 2025, arXiv 2505.00792). Only the routing is mixed: the experts still see
/// the token alone. Q looks at the token itself and at earlier ones of its sequence, never at padding or at another sequence. The
/// probabilities of earlier tokens are kept between decoding steps.
/// </summary>
public abstract class ScoreMixer : Layer
{
    private readonly int _experts;
    private readonly double _share;
    private readonly CacheSlot _probabilities;

    /// <param name="scope">Of the mixer.</param>
    /// <param name="experts">N.</param>
    /// <param name="share">How much of the average is taken: (1 - share) r_i + share p_i.</param>
    protected ScoreMixer(LayerScope scope, int experts, double share) : base(scope)
    {
        (_experts, _share) = (experts, share);
        _probabilities = scope.Cache("router_probabilities", ElementType.Float, "batch", "past", $"{experts}");
    }

    /// <param name="x">[T, D]: the normalized input of the layer.</param>
    /// <param name="probabilities">r [T, N]</param>
    /// <param name="context">Of whole sequences: T = B * S.</param>
    /// <returns>[T, N]; each row sums to 1.</returns>
    public Value Mix(Value x, Value probabilities, ForwardContext context)
    {
        var all = Grown(_probabilities, BySequence(probabilities, context), context); // [B, P + S, N]
        // An average of probabilities is not negative, which a reader of the file could not know of cached ones.
        var mixed = Average(BySequence(x, context), all, context).Reshape(-1, _experts).Relu();
        return _share < 1 ? probabilities * (1 - _share) + mixed * _share : mixed;
    }

    /// <param name="u">[B, S, D]: the tokens.</param>
    /// <param name="probabilities">[B, P + S, N], of all tokens so far.</param>
    /// <param name="context">Gives mask, caches, and what attention left.</param>
    /// <returns>Q times the probabilities, [B, S, N].</returns>
    protected abstract Value Average(Value u, Value probabilities, ForwardContext context);

    /// <summary>What the slot held, followed by <paramref name="next"/> [B, S, ...]; kept for the next step.</summary>
    protected static Value Grown(CacheSlot slot, Value next, ForwardContext context)
    {
        var grown = context.Past(slot) is { } past ? new[] { past, next }.Concat(1) : next;
        context.Keep(slot, grown);
        return grown;
    }

    private static Value BySequence(Value tokens, ForwardContext context) =>
        tokens.Reshape(new[] { context.Attention.Positions.Shape(), tokens.Ops.Ints(-1) }.Concat(0));
}
