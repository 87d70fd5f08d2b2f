using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>
/// A small causal transformer over token ids that decides each token's expert once for all routed layers of another model, before that
/// model runs (Cai et al. 2024, Read-ME, arXiv 2410.19123). It is a model of its own, with its own caches and its own ONNX file, and sees
/// nothing of the other's hidden states.
/// </summary>
public sealed class PreGatingRouter : Model
{
    /// <summary>The name of the router's weights in the model that it decides for, and its file without the extension.</summary>
    public const string Part = "router";

    private const double NormEpsilon = 1e-6;

    private readonly ModelOptions _options;
    private readonly Block[] _blocks;
    private readonly RmsNorm _norm;
    private readonly Weight _head;
    private readonly Weight _headBias;
    private readonly RotaryTable _rotary;

    /// <param name="scope">Apart from the scope of the model.</param>
    /// <param name="options">Of the model.</param>
    /// <param name="vocabulary">The model's.</param>
    public PreGatingRouter(LayerScope scope, ModelOptions options, int vocabulary) : base(scope)
    {
        var (gate, width) = (options.PreGate, options.PreGate.HiddenSize);
        _options = options;
        Embedding = scope.Normal("embedding", options.InitialDeviation, vocabulary, width);
        _blocks = [.. Enumerable.Range(0, gate.Layers).Select(layer => Block(scope.Block(layer), gate))];
        _norm = new RmsNorm(scope.Child("norm"), width, NormEpsilon);
        _head = scope.Normal("head", 1, width, options.Experts);
        _headBias = scope.Filled("head_bias", 0, options.Experts);
        _rotary = new RotaryTable(options.ContextLength, width / gate.Heads, options.RopeBase);
        foreach (var matrix in scope.Weights.Where(weight => weight.Shape.Length == 2 && weight != Embedding))
            scope.DrawUniform(matrix, Math.Sqrt(6.0 / matrix.Shape[0])); // He et al. 2015, for matrices [in, out]
    }

    /// <summary>[vocabulary, width].</summary>
    public Weight Embedding { get; }

    /// <summary>N, the experts to choose from.</summary>
    public int Experts => _options.Experts;

    public override IReadOnlyList<TensorSpec> Inputs =>
    [
        new("input_ids", ElementType.Int64, "batch", "sequence"),
        new("attention_mask", ElementType.Int64, "batch", "total"),
        new("position_ids", ElementType.Int64, "batch", "sequence"),
        .. Caches("past_key_values.", "past"),
    ];

    /// <summary>The experts, and the scores [B, S, N] that they have the highest of.</summary>
    public override IReadOnlyList<TensorSpec> Outputs =>
    [
        new(PreGate.ExpertIds, ElementType.Int64, "batch", "sequence"),
        new("logits", ElementType.Float, "batch", "sequence", $"{Experts}"),
        .. Caches("present.", "total"),
    ];

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [new("router", _blocks.SelectMany(block => block.CostOfToken(context)).Sum(cost => cost.Flops) + 2.0 * _head.Parameter.numel())];

    /// <summary>The scores of whole sequences, to be trained.</summary>
    /// <param name="ids">[B, S] int64.</param>
    /// <param name="positions">[B, S] int64.</param>
    /// <returns>[B, S, N]</returns>
    public Value Score(Value ids, Value positions) => Forward(ids, positions, null, new ForwardContext(ids.Ops));

    /// <summary>The expert of each token of whole sequences, [B, S] int64. Nothing is learnt through this choice.</summary>
    public Value Decide(Value ids, Value positions, OpSet ops)
    {
        using var noGrad = TorchSharp.torch.no_grad();
        return Best(Forward(ids, positions, null, new ForwardContext(ops)));
    }

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs)
    {
        var context = new ForwardContext(ops, Past(inputs));
        var logits = Forward(inputs["input_ids"], inputs["position_ids"], inputs["attention_mask"], context);
        var outputs = new Dictionary<string, Value> { [PreGate.ExpertIds] = Best(logits), ["logits"] = logits };
        foreach (var (name, present) in context.Present)
            outputs[$"present.{name}"] = present;
        return outputs;
    }

    private static Block Block(LayerScope scope, PreGateOptions gate)
    {
        RmsNorm Norm(string name) => new(scope.Child(name), gate.HiddenSize, NormEpsilon);
        var attention = new CausalSelfAttention(scope.Child("attention"), gate.HiddenSize, gate.Heads, gate.Heads, deviation: 1, bias: true, gate.Normalizer);
        var ffn = new FeedForward(scope.Child("ffn"), gate.HiddenSize, gate.HiddenSize, gated: false, "silu", bias: true, deviation: 1);
        return new SequentialBlock(scope, Norm("attention_norm"), attention, Norm("ffn_norm"), ffn, new PlainResidual());
    }

    private Value Forward(Value ids, Value positions, Value? mask, ForwardContext context)
    {
        var ops = context.Ops;
        context.Attention = new AttentionInput(positions, mask, ops.Constant(_rotary.Cos), ops.Constant(_rotary.Sin));
        var x = ops.Weight(Embedding).Gather(ids);
        foreach (var block in _blocks)
            x = block.Forward(x, context);
        return _norm.Forward(x).MatMul(_head) + _headBias;
    }

    /// <summary>The highest score's expert, of equal ones the lower.</summary>
    private static Value Best(Value logits) => logits.TopK(1).Indices.Squeeze(-1);
}
