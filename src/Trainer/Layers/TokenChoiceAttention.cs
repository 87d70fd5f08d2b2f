using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Attention whose heads are experts that each token chooses by itself: a head has queries, keys and values of the tokens that chose
/// it alone. A token's choice does not depend on other tokens, so a causal model may use it: UoE (Yang et al. 2025, arXiv 2503.02495) in the
/// one form that does not look ahead. Projections are computed for the chosen heads only; scores are masked, not saved.
/// </summary>
public sealed class TokenChoiceAttention : Attention
{
    private readonly HeadBank _bank;
    private readonly Router _router;
    private readonly int _size;
    private readonly bool _causal;
    private readonly CacheSlot? _keys;
    private readonly CacheSlot? _values;
    private readonly CacheSlot? _chosen;

    /// <param name="scope">Of the layer.</param>
    /// <param name="size">D.</param>
    /// <param name="bank">The heads.</param>
    /// <param name="router">Chooses among them.</param>
    /// <param name="causal">Tokens see earlier ones only, and keys, values and choices are cached.</param>
    public TokenChoiceAttention(LayerScope scope, int size, HeadBank bank, Router router, bool causal) : base(scope)
    {
        (_bank, _router, _size, _causal) = (bank, router, size, causal);
        if (!causal)
            return;
        _keys = scope.Cache("key", ElementType.Float, "batch", $"{bank.Heads}", "past", $"{bank.HeadSize}");
        _values = scope.Cache("value", ElementType.Float, "batch", $"{bank.Heads}", "past", $"{bank.HeadSize}");
        _chosen = scope.Cache("chosen", ElementType.Int64, "batch", $"{bank.Heads}", "past");
    }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
    [
        .. _router.CostOfToken(context),
        new("attention", 2.0 * _router.ExpertsPerToken * _bank.ParametersPerHead + 4.0 * _size * context.Attended),
    ];

    public override double IdleParameters(CostContext context) => (double)(_bank.Heads - _router.ExpertsPerToken) * _bank.ParametersPerHead;

    public override Value Forward(Value x, ForwardContext context)
    {
        var input = context.Attention;
        var tokens = x.Reshape(-1, _size);
        var (heads, weights) = ByHead(_router.Route(tokens, context)); // [T, H]
        var sequences = input.Positions.Shape();
        var parts = _bank.Project(tokens, heads).Reshape(Join(sequences, x.Ops.Ints(_bank.Heads, 3L * _bank.HeadSize)))
            .Transpose(0, 2, 1, 3).Split(-1, _bank.HeadSize, _bank.HeadSize, _bank.HeadSize); // each [B, H, S, d]
        var (cosine, sine) = (input.Cos.Gather(input.Positions).Unsqueeze(1), input.Sin.Gather(input.Positions).Unsqueeze(1));
        var query = Compositions.Rotate(parts[0], cosine, sine);
        var key = Grown(_keys, Compositions.Rotate(parts[1], cosine, sine), context);
        var value = Grown(_values, parts[2], context);
        var chosen = heads.GreaterOrEqual(heads.Scalar(0)).Cast(ElementType.Int64).Reshape(Join(sequences, x.Ops.Ints(_bank.Heads))).Transpose(0, 2, 1);
        chosen = Grown(_chosen, chosen, context); // [B, H, P + S]

        var seen = chosen.Cast(ElementType.Bool).Unsqueeze(2); // [B, H, 1, P + S]
        if (_causal)
            seen = seen.And(CausalMask.Seen(input.Positions.Size(1), chosen.Size(2)));
        if (input.Mask is not null)
            seen = seen.And(input.Mask.Cast(ElementType.Bool).Unsqueeze(1, 2));
        var mixed = Compositions.MaskedAttention(query, key, value, seen).Transpose(0, 2, 1, 3).Reshape(-1, _bank.Heads, _bank.HeadSize);
        return _bank.Output(mixed, heads, weights).Reshape(x.Shape());
    }

    /// <summary>A routing [T, K] with a place for each head: the head, or -1, and its weight, [T, H] both.</summary>
    private (Value Heads, Value Weights) ByHead(Routing routing)
    {
        var numbers = routing.Indices.Ops.Constant(HostTensor.From(Enumerable.Range(0, _bank.Heads).Select(h => (long)h).ToArray(), _bank.Heads));
        var isPicked = routing.Indices.Unsqueeze(2).Equal(numbers).Cast(ElementType.Float); // [T, K, H]
        var chosen = isPicked.ReduceSum([1], keepDims: false);
        var weights = (isPicked * routing.Weights.Unsqueeze(2)).ReduceSum([1], keepDims: false);
        return (chosen.Greater(chosen.Scalar(0)).Where(numbers, numbers.Scalar(-1)), weights);
    }

    /// <summary>What the slot held and the new positions behind it, along the axis of positions; without a slot the new ones.</summary>
    private static Value Grown(CacheSlot? slot, Value added, ForwardContext context)
    {
        if (slot is null)
            return added;
        var grown = context.Past(slot) is { } past ? new[] { past, added }.Concat(2) : added;
        context.Keep(slot, grown);
        return grown;
    }

    private static Value Join(params Value[] sizes) => sizes.Concat(0);
}
