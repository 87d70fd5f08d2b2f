using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>
/// The part that bidirectional models share: learned positions added to the embedded input, pre-norm blocks whose attention looks both
/// ways, and a final norm. There is no cache: a sequence is read at once.
/// </summary>
public sealed class TransformerEncoder : Layer
{
    private readonly Weight _positions;
    private readonly int _length;
    private readonly RmsNorm _norm;
    private readonly RotaryTable _rotary;

    /// <param name="scope">Of the weights.</param>
    /// <param name="options">Already checked by <see cref="ModelOptionsCheck.Check"/>.</param>
    public TransformerEncoder(LayerScope scope, ModelOptions options) : base(scope)
    {
        _length = options.ContextLength;
        _positions = scope.Normal("positions", options.InitialDeviation, options.ContextLength, options.HiddenSize);
        var shared = SharedRouterParts.Build(scope, options);
        Stack = new BlockStack(scope, [.. Enumerable.Range(0, options.Layers).Select(layer => BlockBuilder.Build(scope.Block(layer), options, shared, layer))]);
        _norm = new RmsNorm(scope.Child("norm"), options.HiddenSize, options.NormEpsilon);
        _rotary = new RotaryTable(options.ContextLength, BlockBuilder.HeadSize(options), options.RopeBase);
    }

    /// <summary>The blocks.</summary>
    public BlockStack Stack { get; }

    /// <summary>The routed layers in order.</summary>
    public IEnumerable<RoutedLayer> RoutedLayers => Stack.RoutedLayers;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => Stack.CostOfToken(context);

    public override double IdleParameters(CostContext context) => Stack.IdleParameters(context);

    /// <inheritdoc cref="TransformerModel.Use"/>
    public void Use(ModelOptions sizes, bool spread)
    {
        _positions.Use(_length, sizes.HiddenSize);
        Stack.Use([.. Enumerable.Range(0, sizes.Layers).Select(layer => BlockBuilder.SizesOf(sizes, layer))], spread);
        _norm.Use(sizes.HiddenSize);
    }

    /// <param name="x">[B, S, D]: the embedded input.</param>
    /// <param name="mask">[B, S] int64, 0 for padding; null: none.</param>
    /// <param name="context">Collects losses and routings.</param>
    /// <returns>[B, S, D]</returns>
    public Value Forward(Value x, Value? mask, ForwardContext context)
    {
        var ops = context.Ops;
        var numbers = ops.Constant(HostTensor.Scalar(0L)).Range(x.Size(1).Squeeze(0), ops.Constant(HostTensor.Scalar(1L)));
        var positions = numbers.Unsqueeze(0).Expand(new[] { x.Size(0), x.Size(1) }.Concat(0)); // [B, S]
        context.Attention = new AttentionInput(positions, mask, ops.Constant(_rotary.Cos), ops.Constant(_rotary.Sin));
        x = x + ops.Weight(_positions).Gather(numbers);
        return _norm.Forward(Stack.Forward(x, context));
    }
}
