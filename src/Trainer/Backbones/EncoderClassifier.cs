using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>
/// Classifies sequences of feature vectors: a linear embedding, a <see cref="TransformerEncoder"/>, the mean over the positions that are
/// no padding, and an output head.
/// </summary>
public sealed class EncoderClassifier : Classifier
{
    private readonly Weight _embedding;
    private readonly Weight _head;
    private readonly TransformerEncoder _encoder;

    /// <param name="options">Already checked by <see cref="ModelOptionsCheck.Check"/>.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    public EncoderClassifier(ModelOptions options, ClassifierSizes sizes, long seed, TorchSharp.torch.Device? device = null)
        : this(options, sizes, new LayerScope(seed, device))
    {
    }

    internal EncoderClassifier(ModelOptions options, ClassifierSizes sizes, LayerScope scope) : base(scope, sizes)
    {
        HiddenSize = options.HiddenSize;
        // Features are of the size of 1 and few, unlike the rows of a one-hot embedding.
        _embedding = scope.Normal("embedding", 1 / Math.Sqrt(sizes.Features), sizes.Features, options.HiddenSize);
        _encoder = new TransformerEncoder(scope, options);
        _head = scope.Normal("head", options.InitialDeviation, options.HiddenSize, sizes.Classes);
    }

    /// <summary>Width of the residual stream, D.</summary>
    public int HiddenSize { get; }

    public override IEnumerable<RoutedLayer> RoutedLayers => _encoder.RoutedLayers;

    /// <summary>Per position; the output head, which runs once a sequence, is left out.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        _encoder.CostOfToken(context).Prepend(new TokenCost("embedding", 2.0 * Sizes.Features * HiddenSize));

    public override double IdleParameters(CostContext context) => _encoder.IdleParameters(context);

    public override Value Forward(Value features, Value? mask, ForwardContext context)
    {
        var x = _encoder.Forward(features.MatMul(_embedding), mask, context);
        return Mean(x, mask?.Cast(x.Type).Unsqueeze(2)).MatMul(_head);
    }

    private static Value Mean(Value x, Value? real) => real is null
        ? x.ReduceMean([1], keepDims: false)
        : (x * real).ReduceSum([1], keepDims: false) / real.ReduceSum([1], keepDims: false);
}
