using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>
/// A bidirectional language model that says which tokens stand where some were masked (Devlin et al. 2019, arXiv 1810.04805): token embedding,
/// <see cref="TransformerEncoder"/>, output head.
/// </summary>
public sealed class MaskedLm : TransformerModel
{
    private readonly Weight _embedding;
    private readonly Weight? _head;
    private readonly TransformerEncoder _encoder;
    private int _width;

    /// <param name="options">Already checked by <see cref="ModelOptionsCheck.Check"/>.</param>
    /// <param name="vocabulary">Number of token ids; the mask is one more, <see cref="MaskId"/>.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    public MaskedLm(ModelOptions options, int vocabulary, long seed, TorchSharp.torch.Device? device = null) : this(options, vocabulary, new LayerScope(seed, device))
    {
    }

    internal MaskedLm(ModelOptions options, int vocabulary, LayerScope scope) : base(scope, options, vocabulary)
    {
        _width = options.HiddenSize;
        _embedding = scope.Normal("embedding", options.InitialDeviation, vocabulary + 1, _width);
        _encoder = new TransformerEncoder(scope, options);
        _head = options.TiedHead ? null : scope.Normal("head", options.InitialDeviation, _width, vocabulary);
    }

    /// <summary>The id that stands for a masked token in the input.</summary>
    public int MaskId => Vocabulary;

    public override IReadOnlyList<BlockStack> Stacks => [_encoder.Stack];

    public override IEnumerable<RoutedLayer> RoutedLayers => _encoder.RoutedLayers;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => _encoder.CostOfToken(context).Append(new TokenCost("head", 2.0 * _width * Vocabulary));

    public override double IdleParameters(CostContext context) => _encoder.IdleParameters(context);

    public override IReadOnlyList<TensorSpec> Inputs => [new("input_ids", ElementType.Int64, "batch", "sequence"), new("attention_mask", ElementType.Int64, "batch", "sequence")];

    public override IReadOnlyList<TensorSpec> Outputs => [new("logits", ElementType.Float, "batch", "sequence", $"{Vocabulary}"), .. RoutingOutputs.Specs(RoutedLayers)];

    public override void Use(ModelOptions sizes, bool spread)
    {
        _width = sizes.HiddenSize;
        _embedding.Use(Vocabulary + 1, _width);
        _encoder.Use(sizes, spread);
        _head?.Use(_width, Vocabulary);
    }

    /// <param name="ids">[B, S] int64; <see cref="MaskId"/> where a token is to be found.</param>
    /// <param name="mask">[B, S] int64, 0 for padding; null: none.</param>
    /// <param name="context">Collects losses and routings.</param>
    /// <returns>Logits [B, S, vocabulary].</returns>
    public Value Forward(Value ids, Value? mask, ForwardContext context)
    {
        var embedding = ids.Ops.Weight(_embedding);
        var x = _encoder.Forward(embedding.Gather(ids), mask, context);
        return x.MatMul(_head is null ? embedding.Slice(0, 0, Vocabulary).Transpose(1, 0) : ids.Ops.Weight(_head));
    }

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs)
    {
        var context = new ForwardContext(ops);
        var outputs = new Dictionary<string, Value> { ["logits"] = Forward(inputs["input_ids"], inputs["attention_mask"], context) };
        RoutingOutputs.Add(outputs, context, inputs["input_ids"].Shape());
        return outputs;
    }
}
