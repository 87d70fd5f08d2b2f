using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Attention experts (BAM; Zhang et al. 2024, arXiv 2408.08274): y[t] = sum over i of g_i(x[t]) * MHA_i(x)[t], each expert a full causal
/// grouped-query attention with rotary embeddings. The gate is the query token's; keys and values of all experts are computed for
/// every token. Experts have keys and values of their own, or share them.
/// </summary>
/// <remarks>The experts run as one attention with N times the heads, so a target's own attention operator serves the bank too.</remarks>
public sealed class AttentionBank : Attention
{
    private readonly int _experts;
    private readonly int _heads;
    private readonly int _kvHeads;
    private readonly int _size;
    private readonly bool _sharedKv;
    private readonly SoftRouter _router;
    private readonly Weight _query;
    private readonly Weight _key;
    private readonly Weight _value;
    private readonly Weight _output;
    private readonly CacheSlot _keys;
    private readonly CacheSlot _values;

    /// <param name="scope">Of the weights: query and output [N, D, D]; key and value [N, D, kvHeads * headSize], shared ones without N.</param>
    /// <param name="size">D.</param>
    /// <param name="heads">Query heads of one expert.</param>
    /// <param name="kvHeads">Key and value heads of one expert, or of all together where they are shared.</param>
    /// <param name="sharedKv">True when the experts share their key and value projections, and one KV cache.</param>
    /// <param name="router">Gives the gates; decides the number N of experts.</param>
    /// <param name="deviation">Of the initial weights.</param>
    public AttentionBank(LayerScope scope, int size, int heads, int kvHeads, bool sharedKv, SoftRouter router, double deviation) : base(scope)
    {
        (_experts, _heads, _kvHeads, _size, _sharedKv, _router) = (router.Experts, heads, kvHeads, size, sharedKv, router);
        var headSize = size / heads;
        long[] keyShape = sharedKv ? [size, kvHeads * headSize] : [_experts, size, kvHeads * headSize];
        string[] cacheShape = sharedKv ? ["batch", $"{kvHeads}", "past", $"{headSize}"] : ["batch", $"{_experts}", $"{kvHeads}", "past", $"{headSize}"];
        _query = scope.Normal("query", deviation, _experts, size, size);
        _key = scope.Normal("key", deviation, keyShape);
        _value = scope.Normal("value", deviation, keyShape);
        _output = scope.Normal("output", deviation, _experts, size, size);
        _keys = scope.Cache("key", ElementType.Float, cacheShape);
        _values = scope.Cache("value", ElementType.Float, cacheShape);
    }

    /// <summary>The router, all projections, and for each attended token a product with its key and one with its value, in every expert.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
    [
        .. _router.CostOfToken(context),
        new("attention", 2.0 * new[] { _query, _key, _value, _output }.Sum(weight => weight.Parameter.numel()) + 4.0 * _experts * _size * context.Attended),
    ];

    public override Value Forward(Value x, ForwardContext context)
    {
        var input = context.Attention;
        var ops = context.Ops;
        var gates = _router.Route(x.Reshape(-1, _size), context).Weights // [B * S, N]
            .Reshape(new[] { input.Positions.Shape(), ops.Ints(_experts) }.Concat(0));
        var kvHeads = _sharedKv ? _kvHeads : _experts * _kvHeads;
        var (mixed, keys, values) = x.MatMul(QueryColumns(ops)).CausalAttention(x.MatMul(KeyColumns(ops.Weight(_key))), x.MatMul(KeyColumns(ops.Weight(_value))),
            Heads(context.Past(_keys)), Heads(context.Past(_values)), input.Mask, input.Positions, input.Cos, input.Sin, _experts * _heads, kvHeads);
        context.Keep(_keys, Cached(keys));
        context.Keep(_values, Cached(values));
        return Gated(mixed, gates).MatMul(OutputRows(ops));
    }

    // Query heads that share a key head must lie side by side. Where keys are shared, that are heads of all experts, so there the
    // order of a token's heads is [key head, expert, query head of the group] instead of [expert, query head].

    /// <summary>[D, N * D]</summary>
    private Value QueryColumns(OpSet ops) => _sharedKv
        ? ops.Weight(_query).Reshape(_experts, _size, _kvHeads, -1).Transpose(1, 2, 0, 3).Reshape(_size, -1)
        : KeyColumns(ops.Weight(_query));

    /// <summary>The matrices of all experts side by side; of a shared one, that one.</summary>
    private Value KeyColumns(Value stack) => _sharedKv ? stack : stack.Transpose(1, 0, 2).Reshape(_size, -1);

    /// <summary>Each expert's part of the heads [B, S, N * D] times its gate [B, S, N].</summary>
    private Value Gated(Value mixed, Value gates) => (_sharedKv
        ? mixed.Reshape(0, 0, _kvHeads, _experts, -1) * gates.Unsqueeze(2, 4)
        : mixed.Reshape(0, 0, _experts, -1) * gates.Unsqueeze(3)).Reshape(0, 0, -1);

    /// <summary>[N * D, D]</summary>
    private Value OutputRows(OpSet ops) => (_sharedKv
        ? ops.Weight(_output).Reshape(_experts, _kvHeads, -1, _size).Transpose(1, 0, 2, 3)
        : ops.Weight(_output)).Reshape(-1, _size);

    /// <summary>A cache with the experts' heads along one axis: [B, N * kvHeads, P, headSize].</summary>
    private Value? Heads(Value? past) => _sharedKv ? past : past?.Reshape(0, _experts * _kvHeads, -1, _size / _heads);

    private Value Cached(Value present) => _sharedKv ? present : present.Reshape(0, _experts, _kvHeads, -1, _size / _heads);
}
