using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Causal grouped-query self-attention with rotary embeddings (Ainslie et al. 2023; Su et al. 2021).</summary>
public sealed class CausalSelfAttention : Attention
{
    private readonly int _headSize;
    private readonly int _group;
    private readonly bool _leavesHeads;
    private readonly AttentionParts _parts;
    private readonly Weight _qkv;
    private readonly Weight _output;
    private readonly Weight? _qkvBias;
    private readonly Weight? _outputBias;
    private readonly double _queryScale;
    private readonly CacheSlot _keys;
    private readonly CacheSlot _values;
    private int _width;
    private int _heads;

    /// <param name="scope">Of its weights.</param>
    /// <param name="size">D.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="kvHeads">Key and value heads; divides heads.</param>
    /// <param name="deviation">Of the initial weights.</param>
    /// <param name="bias">A bias for each projection.</param>
    /// <param name="normalizer">What the scores are divided by; 0: the square root of the head size.</param>
    /// <param name="leavesHeads">Leave the heads' weights and results in <see cref="ForwardContext.Heads"/>.</param>
    /// <param name="headSize">Of a head; 0: the heads share D.</param>
    public CausalSelfAttention(LayerScope scope, int size, int heads, int kvHeads, double deviation, bool bias = false, double normalizer = 0,
        bool leavesHeads = false, int headSize = 0) : base(scope)
    {
        headSize = headSize == 0 ? size / heads : headSize;
        (_width, _heads, _group, _headSize, _leavesHeads) = (size, heads, heads / kvHeads, headSize, leavesHeads);
        _parts = new AttentionParts(heads * headSize, kvHeads * headSize);
        _qkv = scope.Matrix("qkv", deviation, size, _parts.Total);
        _output = scope.Matrix("output", deviation, heads * headSize, size);
        _qkvBias = bias ? scope.Filled("qkv_bias", 0, _parts.Total) : null;
        _outputBias = bias ? scope.Filled("output_bias", 0, size) : null;
        _queryScale = normalizer == 0 ? 1 : Math.Sqrt(headSize) / normalizer;
        _keys = scope.Cache("key", ElementType.Float, "batch", $"{kvHeads}", "past", $"{headSize}");
        _values = scope.Cache("value", ElementType.Float, "batch", $"{kvHeads}", "past", $"{headSize}");
    }

    /// <summary>The four projections, and for each attended token a product with its key and one with its value.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [new("attention", 2.0 * _width * (Used.Total + Used.Queries) + 4.0 * Used.Queries * context.Attended)];

    private AttentionParts Used => new(_heads * _headSize, _heads / _group * _headSize);

    public override void Use(BlockSizes sizes)
    {
        (_width, _heads) = (sizes.Width, sizes.Heads);
        _qkv.Part = new WeightPart([(0, _width)], _parts.First(Used));
        _output.Use(Used.Queries, _width);
        if (_qkvBias is not null)
            _qkvBias.Part = new WeightPart(_parts.First(Used));
        _outputBias?.Use(_width);
    }

    public override Value Forward(Value x, ForwardContext context)
    {
        var input = context.Attention;
        var projected = x.MatMul(_qkv);
        var parts = (_qkvBias is null ? projected : projected + _qkvBias).Split(-1, Used.Widths);
        context.WatchProjections?.Invoke(parts);
        if (_queryScale != 1)
            parts[0] *= _queryScale; // the attention itself divides by the square root of the head size
        var (pastKeys, pastValues) = (context.Past(_keys), context.Past(_values));
        if (_leavesHeads)
        {
            var (contexts, weights, allKeys, allValues) = Compositions.HeadAttention(parts[0], parts[1], parts[2], pastKeys, pastValues, input.Mask,
                input.Positions, input.Cos, input.Sin, _heads, _heads / _group);
            context.Heads = new AttentionHeads(weights, contexts, x.Ops.Weight(_output));
            return Output(Compositions.MergeHeads(contexts), allKeys, allValues, context);
        }
        var (mixed, keys, values) = parts[0].CausalAttention(parts[1], parts[2], pastKeys, pastValues, input.Mask, input.Positions,
            input.Cos, input.Sin, _heads, _heads / _group);
        return Output(mixed, keys, values, context);
    }

    private Value Output(Value mixed, Value keys, Value values, ForwardContext context)
    {
        context.Keep(_keys, keys);
        context.Keep(_values, values);
        var output = mixed.MatMul(_output);
        return _outputBias is null ? output : output + _outputBias;
    }
}
