using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>
/// A decoder-only transformer language model: token embedding, blocks with rotary grouped-query attention and dense or
/// routed feed-forward layers, a final norm and an output head.
/// </summary>
public sealed class DecoderLm : TransformerModel
{
    private readonly Weight _embedding;
    private readonly Weight? _head;
    private readonly RmsNorm _norm;
    private readonly BlockStack _blocks;
    private readonly RotaryTable _rotary;
    private int _width;

    /// <param name="options">Already checked by <see cref="ModelOptionsCheck.Check"/>.</param>
    /// <param name="vocabulary">Number of token ids.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    public DecoderLm(ModelOptions options, int vocabulary, long seed, TorchSharp.torch.Device? device = null)
        : this(options, vocabulary, new LayerScope(seed, device))
    {
    }

    /// <summary>The same in a scope, with the matrices of its blocks in a form of their own.</summary>
    /// <param name="options">As above.</param>
    /// <param name="vocabulary">As above.</param>
    /// <param name="scope">Of all weights.</param>
    /// <param name="form">Makes a matrix, given its scope, inputs, outputs and block; null: quantized where the options say so.</param>
    internal DecoderLm(ModelOptions options, int vocabulary, LayerScope scope, Func<LayerScope, int, int, int, IMatrixProduct>? form = null) : base(scope, options, vocabulary)
    {
        _width = options.HiddenSize;
        _embedding = scope.Normal("embedding", options.InitialDeviation, vocabulary, options.HiddenSize);
        form ??= options.Quantization.Bits.Length == 0 ? null
            : (place, inputs, outputs, layer) => new GroupCodes(place, inputs, outputs, options.Quantization.Bits[layer], options.Quantization.Group);
        var shared = SharedRouterParts.Build(scope, options);
        _blocks = new BlockStack(scope, [.. Enumerable.Range(0, options.Layers).Select(layer => BlockBuilder.Build(
            form is null ? scope.Block(layer) : scope.Block(layer).WithMatrices((place, inputs, outputs) => form(place, inputs, outputs, layer)), options, shared, layer))]);
        _norm = new RmsNorm(scope.Child("norm"), options.HiddenSize, options.NormEpsilon);
        _head = options.TiedHead ? null : scope.Normal("head", options.InitialDeviation, options.HiddenSize, vocabulary);
        _rotary = new RotaryTable(options.ContextLength, HeadSize, options.RopeBase);
        Router = options.PreGate.Layers == 0 ? null : new PreGatingRouter(scope.Apart(PreGatingRouter.Part), options, vocabulary);
    }

    public override IReadOnlyList<BlockStack> Stacks => [_blocks];

    /// <summary>The router that runs before the model and gives it the expert of each token; null where each layer has its own.</summary>
    public PreGatingRouter? Router { get; }

    /// <summary>The weights of all but <see cref="Router"/>.</summary>
    public IReadOnlyList<Weight> BackboneWeights => Router is null ? Weights : [.. Weights.Except(Router.Weights)];

    public int KvHeads => Options.KvHeads == 0 ? Options.Heads : Options.KvHeads;

    public int HeadSize => BlockBuilder.HeadSize(Options);

    /// <summary>The routed layers in order, a layer of several iterations for each of them.</summary>
    public override IEnumerable<RoutedLayer> RoutedLayers => _blocks.RoutedLayers;

    /// <summary>The router before the model, the blocks and the output head; looking up an embedding costs nothing.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        (Router?.CostOfToken(context) ?? []).Concat(_blocks.CostOfToken(context)).Append(new TokenCost("head", 2.0 * _width * Vocabulary));

    public override double IdleParameters(CostContext context) => _blocks.IdleParameters(context);

    public override IReadOnlyList<TensorSpec> Inputs =>
    [
        new("input_ids", ElementType.Int64, "batch", "sequence"),
        new("attention_mask", ElementType.Int64, "batch", "total"),
        new("position_ids", ElementType.Int64, "batch", "sequence"),
        .. Router is null ? [] : new[] { new TensorSpec(PreGate.ExpertIds, ElementType.Int64, "batch", "sequence") },
        .. Caches("past_key_values.", "past"),
        .. RunTimeInputs(),
    ];

    public override IReadOnlyList<TensorSpec> Outputs =>
    [
        new("logits", ElementType.Float, "batch", "sequence", $"{Vocabulary}"),
        .. Caches("present.", "total"),
        .. RoutingOutputs.Specs(RoutedLayers, ChoosesActiveExperts),
    ];

    /// <summary>The training pass: whole sequences from position 0, no cache. <see cref="Router"/>, if there is one, decides first, unless experts are given.</summary>
    /// <param name="ids">[B, S] int64.</param>
    /// <param name="positions">[B, S] int64.</param>
    /// <param name="context">Collects losses and routings.</param>
    /// <returns>Logits [B, S, vocabulary].</returns>
    public Value Forward(Value ids, Value positions, ForwardContext context)
    {
        if (Router is not null)
            context.ExpertIds ??= Router.Decide(ids, positions, context.Ops);
        return Forward(ids, positions, null, context);
    }

    public override void Use(ModelOptions sizes, bool spread)
    {
        _width = sizes.HiddenSize;
        _embedding.Use(Vocabulary, _width);
        _blocks.Use([.. Enumerable.Range(0, sizes.Layers).Select(layer => BlockBuilder.SizesOf(sizes, layer))], spread);
        _norm.Use(_width);
        _head?.Use(_width, Vocabulary);
    }

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs)
    {
        var context = new ForwardContext(ops, Past(inputs))
        {
            ExpertIds = inputs.TryGetValue(PreGate.ExpertIds, out var given) ? PreGatedRouter.Checked(given, Options.Experts) : null,
            Threshold = inputs.GetValueOrDefault(RouterThreshold.Input),
            ActiveExperts = inputs.GetValueOrDefault(ActiveExperts.Input),
        };
        var ids = inputs["input_ids"];
        var outputs = new Dictionary<string, Value> { ["logits"] = Forward(ids, inputs["position_ids"], inputs["attention_mask"], context) };
        foreach (var (name, present) in context.Present)
            outputs[$"present.{name}"] = present;
        RoutingOutputs.Add(outputs, context, ids.Shape());
        return outputs;
    }

    private Value Forward(Value ids, Value positions, Value? mask, ForwardContext context)
    {
        var ops = context.Ops;
        context.Attention = new AttentionInput(positions, mask, ops.Constant(_rotary.Cos), ops.Constant(_rotary.Sin));
        var embedding = ops.Weight(_embedding);
        var x = embedding.Gather(ids); // [B, S, D]
        x = _norm.Forward(_blocks.Forward(x, context));
        return x.MatMul(_head is null ? embedding.Transpose(1, 0) : ops.Weight(_head));
    }

    /// <summary>What may be set for each run, with the model's own values as defaults.</summary>
    private IEnumerable<TensorSpec> RunTimeInputs()
    {
        if (Options.Router.Selection == "topp")
            yield return new TensorSpec(RouterThreshold.Input, ElementType.Float) { Default = HostTensor.Scalar((float)Options.Router.TopP.P) };
        if (ChoosesActiveExperts)
            yield return new TensorSpec(ActiveExperts.Input, ElementType.Int64, "1") { Default = HostTensor.Vector((long)Options.ExpertsPerToken) };
    }

    /// <summary>True when a run says how many experts its tokens meet.</summary>
    private bool ChoosesActiveExperts => Options.Router.ActiveExperts.Offered.Length > 0 && RoutedLayers.Any();
}
