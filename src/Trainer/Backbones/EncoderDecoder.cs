using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>
/// Reads one text and writes another (Vaswani et al. 2017): a <see cref="TransformerEncoder"/>, and a decoder with causal self-attention, attention to the
/// encoder's result, and an output head. It keeps no caches: a pass takes all that is written so far.
/// </summary>
public sealed class EncoderDecoder : TransformerModel
{
    private readonly Weight _embedding;
    private readonly Weight _targetEmbedding;
    private readonly Weight? _head;
    private readonly TransformerEncoder _encoder;
    private readonly BlockStack _decoder;
    private readonly RmsNorm _norm;
    private readonly RotaryTable _rotary;
    private int _width;
    private int _targetWidth;

    /// <param name="options">Already checked by <see cref="ModelOptionsCheck.Check"/>.</param>
    /// <param name="vocabulary">Number of token ids, the same on both sides.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    public EncoderDecoder(ModelOptions options, int vocabulary, long seed, TorchSharp.torch.Device? device = null) : this(options, vocabulary, new LayerScope(seed, device))
    {
    }

    internal EncoderDecoder(ModelOptions options, int vocabulary, LayerScope scope) : base(scope, options, vocabulary)
    {
        (_width, _targetWidth) = (options.HiddenSize, TargetWidth(options));
        _embedding = scope.Normal("embedding", options.InitialDeviation, vocabulary, _width);
        _encoder = new TransformerEncoder(scope.Child("encoder"), options);
        _targetEmbedding = scope.Normal("target_embedding", options.InitialDeviation, vocabulary, _targetWidth);
        var decoder = scope.Child("decoder");
        _decoder = new BlockStack(decoder, [.. SizesOfTarget(options).Select((sizes, layer) => BlockBuilder.BuildCross(decoder.Block(layer), options, sizes))]);
        _norm = new RmsNorm(scope.Child("norm"), _targetWidth, options.NormEpsilon);
        _head = options.TiedHead ? null : scope.Normal("head", options.InitialDeviation, _targetWidth, vocabulary);
        _rotary = new RotaryTable(options.ContextLength, BlockBuilder.HeadSize(options), options.RopeBase);
    }

    public override IReadOnlyList<BlockStack> Stacks => [_encoder.Stack, _decoder];

    /// <summary>Of a token that is read and one that is written: the two halves, for sequences of equal length.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [.. _encoder.CostOfToken(context), .. _decoder.CostOfToken(context), new("head", 2.0 * _targetWidth * Vocabulary)];

    public override IReadOnlyList<TensorSpec> Inputs =>
    [
        new("input_ids", ElementType.Int64, "batch", "source"),
        new("attention_mask", ElementType.Int64, "batch", "source"),
        new("decoder_input_ids", ElementType.Int64, "batch", "target"),
    ];

    public override IReadOnlyList<TensorSpec> Outputs => [new("logits", ElementType.Float, "batch", "target", $"{Vocabulary}")];

    /// <summary>Width of the decoder.</summary>
    public static int TargetWidth(ModelOptions options) => options.Target.HiddenSize > 0 ? options.Target.HiddenSize : options.HiddenSize;

    /// <summary>Sizes of the decoder's blocks.</summary>
    public static IReadOnlyList<BlockSizes> SizesOfTarget(ModelOptions options)
    {
        var target = options.Target;
        int Of(int[] sizes, int layer, int otherwise) => sizes.Length > 0 ? sizes[layer] : otherwise;
        return [.. Enumerable.Range(0, target.Layers > 0 ? target.Layers : options.Layers).Select(layer =>
            new BlockSizes(TargetWidth(options), Of(target.LayerHeads, layer, options.Heads), Of(target.LayerHidden, layer, BlockBuilder.DenseHidden(options)))
            {
                CrossHeads = Of(target.CrossHeads, layer, options.Heads),
                MemoryWidth = options.HiddenSize,
            })];
    }

    public override void Use(ModelOptions sizes, bool spread)
    {
        (_width, _targetWidth) = (sizes.HiddenSize, TargetWidth(sizes));
        _embedding.Use(Vocabulary, _width);
        _encoder.Use(sizes, spread);
        _targetEmbedding.Use(Vocabulary, _targetWidth);
        _decoder.Use(SizesOfTarget(sizes), spread);
        _norm.Use(_targetWidth);
        _head?.Use(_targetWidth, Vocabulary);
    }

    /// <summary>Reads a text.</summary>
    /// <param name="ids">[B, S] int64.</param>
    /// <param name="mask">[B, S] int64, 0 for padding; null: none.</param>
    /// <param name="context">Takes the result as its <see cref="ForwardContext.Memory"/>.</param>
    public void Read(Value ids, Value? mask, ForwardContext context) =>
        context.Memory = (_encoder.Forward(ids.Ops.Weight(_embedding).Gather(ids), mask, context), mask);

    /// <summary>Writes the other text, after <see cref="Read"/>.</summary>
    /// <param name="ids">[B, T] int64: what is written so far, after a first token that stands for the beginning; padding stands at the end.</param>
    /// <param name="context">Has the encoder's result.</param>
    /// <returns>Logits [B, T, vocabulary] of the token after each.</returns>
    public Value Write(Value ids, ForwardContext context)
    {
        var ops = context.Ops;
        var numbers = ops.Constant(HostTensor.Scalar(0L)).Range(ids.Size(1).Squeeze(0), ops.Constant(HostTensor.Scalar(1L)));
        var positions = numbers.Unsqueeze(0).Expand(new[] { ids.Size(0), ids.Size(1) }.Concat(0)); // [B, T]
        context.Attention = new AttentionInput(positions, null, ops.Constant(_rotary.Cos), ops.Constant(_rotary.Sin));
        var embedding = ops.Weight(_targetEmbedding);
        var x = _norm.Forward(_decoder.Forward(embedding.Gather(ids), context));
        return x.MatMul(_head is null ? embedding.Transpose(1, 0) : ops.Weight(_head));
    }

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs)
    {
        var context = new ForwardContext(ops);
        Read(inputs["input_ids"], inputs["attention_mask"], context);
        return new Dictionary<string, Value> { ["logits"] = Write(inputs["decoder_input_ids"], context) };
    }
}
