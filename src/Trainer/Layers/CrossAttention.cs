using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Attention of a decoder to what the encoder made of the other sequence, <see cref="ForwardContext.Memory"/> (Vaswani et al. 2017).</summary>
public sealed class CrossAttention : Attention
{
    private readonly int _headSize;
    private readonly AttentionParts _parts;
    private readonly Weight _query;
    private readonly Weight _keyValue;
    private readonly Weight _output;
    private int _width;
    private int _memoryWidth;
    private int _heads;

    /// <param name="scope">Of its weights.</param>
    /// <param name="size">D, of the decoder.</param>
    /// <param name="memorySize">Width of the encoder.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="headSize">Of a head.</param>
    /// <param name="deviation">Of the initial weights.</param>
    public CrossAttention(LayerScope scope, int size, int memorySize, int heads, int headSize, double deviation) : base(scope)
    {
        (_width, _memoryWidth, _heads, _headSize) = (size, memorySize, heads, headSize);
        _parts = new AttentionParts(0, Inner);
        _query = scope.Normal("query", deviation, size, Inner);
        _keyValue = scope.Normal("key_value", deviation, memorySize, 2 * Inner);
        _output = scope.Normal("output", deviation, Inner, size);
    }

    private int Inner => _heads * _headSize;

    /// <summary>Of a token of the decoder; the other side's keys and values are made once and counted with it, as if it had as many tokens.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [new("cross attention", (4.0 * _width * Inner) + (4.0 * _memoryWidth * Inner) + (4.0 * Inner * context.Attended))];

    public override void Use(BlockSizes sizes)
    {
        (_width, _memoryWidth, _heads) = (sizes.Width, sizes.MemoryWidth, sizes.CrossHeads);
        _query.Use(_width, Inner);
        _keyValue.Part = new WeightPart([(0, _memoryWidth)], _parts.First(new AttentionParts(0, Inner)));
        _output.Use(Inner, _width);
    }

    public override Value Forward(Value x, ForwardContext context)
    {
        var (memory, mask) = context.Memory;
        var parts = memory.MatMul(_keyValue).Split(-1, Inner, Inner);
        Value Heads(Value part) => part.Reshape(0, 0, _heads, -1).Transpose(0, 2, 1, 3); // [B, H, S, d]
        var mixed = Compositions.MaskedAttention(Heads(x.MatMul(_query)), Heads(parts[0]), Heads(parts[1]), mask?.Cast(ElementType.Bool).Unsqueeze(1, 2));
        return mixed.Transpose(0, 2, 1, 3).Reshape(0, 0, -1).MatMul(_output);
    }
}
