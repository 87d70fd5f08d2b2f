using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>
/// A decoder-only transformer language model: token embedding, blocks with rotary grouped-query attention and dense or
/// routed feed-forward layers, a final norm and an output head.
/// </summary>
public sealed class DecoderLm : Model
{
    private readonly ModelOptions _options;
    private readonly Weight _embedding;
    private readonly Weight? _head;
    private readonly RmsNorm _norm;
    private readonly Block[] _blocks;
    private readonly RotaryTable _rotary;

    /// <param name="options">Already checked by <see cref="ModelOptionsCheck.Check"/>.</param>
    /// <param name="vocabulary">Number of token ids.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    public DecoderLm(ModelOptions options, int vocabulary, long seed, TorchSharp.torch.Device? device = null)
        : this(options, vocabulary, new LayerScope(seed, device))
    {
    }

    private DecoderLm(ModelOptions options, int vocabulary, LayerScope scope) : base(scope)
    {
        (_options, Vocabulary) = (options, vocabulary);
        _embedding = scope.Normal("embedding", options.InitialDeviation, vocabulary, options.HiddenSize);
        var shared = SharedRouterParts.Build(scope, options);
        _blocks = [.. Enumerable.Range(0, options.Layers).Select(layer => BlockBuilder.Build(scope.Block(layer), options, shared, layer))];
        _norm = new RmsNorm(scope.Child("norm"), options.HiddenSize, options.NormEpsilon);
        _head = options.TiedHead ? null : scope.Normal("head", options.InitialDeviation, options.HiddenSize, vocabulary);
        _rotary = new RotaryTable(options.ContextLength, HeadSize, options.RopeBase);
        Router = options.PreGate.Layers == 0 ? null : new PreGatingRouter(scope.Apart(PreGatingRouter.Part), options, vocabulary);
    }

    /// <summary>What the model was made from.</summary>
    public ModelOptions Options => _options;

    /// <summary>The router that runs before the model and gives it the expert of each token; null where each layer has its own.</summary>
    public PreGatingRouter? Router { get; }

    /// <summary>The weights of all but <see cref="Router"/>.</summary>
    public IReadOnlyList<Weight> BackboneWeights => Router is null ? Weights : [.. Weights.Except(Router.Weights)];

    public int Vocabulary { get; }

    public int KvHeads => _options.KvHeads == 0 ? _options.Heads : _options.KvHeads;

    public int HeadSize => _options.HiddenSize / _options.Heads;

    /// <summary>The routed layers in order, a layer of several iterations for each of them.</summary>
    public override IEnumerable<RoutedLayer> RoutedLayers => _blocks.SelectMany(block => block.RoutedLayers);

    /// <summary>The router before the model, the blocks and the output head; looking up an embedding costs nothing.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        (Router?.CostOfToken(context) ?? []).Concat(_blocks.SelectMany(block => block.CostOfToken(context))).Append(new TokenCost("head", 2.0 * _options.HiddenSize * Vocabulary));

    public override double IdleParameters(CostContext context) => _blocks.Sum(block => block.IdleParameters(context));

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

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs)
    {
        var context = new ForwardContext(ops, Past(inputs))
        {
            ExpertIds = inputs.TryGetValue(PreGate.ExpertIds, out var given) ? PreGatedRouter.Checked(given, _options.Experts) : null,
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
        foreach (var block in _blocks)
            x = block.Forward(x, context);
        x = _norm.Forward(x);
        return x.MatMul(_head is null ? embedding.Transpose(1, 0) : ops.Weight(_head));
    }

    /// <summary>What may be set for each run, with the model's own values as defaults.</summary>
    private IEnumerable<TensorSpec> RunTimeInputs()
    {
        if (_options.Router.Selection == "topp")
            yield return new TensorSpec(RouterThreshold.Input, ElementType.Float) { Default = HostTensor.Scalar((float)_options.Router.TopP.P) };
        if (ChoosesActiveExperts)
            yield return new TensorSpec(ActiveExperts.Input, ElementType.Int64, "1") { Default = HostTensor.Vector((long)_options.ExpertsPerToken) };
    }

    /// <summary>True when a run says how many experts its tokens meet.</summary>
    private bool ChoosesActiveExperts => _options.Router.ActiveExperts.Offered.Length > 0 && RoutedLayers.Any();
}
