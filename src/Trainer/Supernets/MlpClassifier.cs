using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Quantization;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// A residual perceptron over all features of a sequence: an affine embedding, blocks h + V act(U norm(h)), a norm and an output head. With a search space it
/// is a supernet over its width (gene "width"), the number of its blocks ("depth") and their hidden sizes ("hidden"); genes of precision (<see cref="QuantGenes"/>)
/// count for what is made of an extracted model.
/// </summary>
public sealed class MlpClassifier : Classifier, ISupernet, IHasLinears
{
    private readonly ModelOptions _options;
    private readonly SearchSpace? _space;
    private readonly Affine _embedding;
    private readonly Affine _head;
    private readonly ElasticNorm _norm;
    private readonly MlpBlock[] _blocks;
    private Architecture? _active;
    private MlpOptions _shape;

    /// <summary>A model of one architecture.</summary>
    /// <param name="options">Its sizes are in <see cref="ModelOptions.Mlp"/>.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="seed">Of the initial weights.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    public MlpClassifier(ModelOptions options, ClassifierSizes sizes, long seed, TorchSharp.torch.Device? device = null)
        : this(options, options.Mlp, null, sizes, new LayerScope(seed, device))
    {
    }

    /// <summary>A supernet.</summary>
    /// <exception cref="UserError">The space lacks a gene.</exception>
    public MlpClassifier(ModelOptions options, SearchSpace space, ClassifierSizes sizes, long seed, TorchSharp.torch.Device? device = null)
        : this(options, ShapeOf(space.Largest), space, sizes, new LayerScope(seed, device))
    {
    }

    /// <param name="options">The form; its sizes, too, without a search space.</param>
    /// <param name="space">Of a supernet; null: a model of one architecture.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="scope">Of the weights.</param>
    internal MlpClassifier(ModelOptions options, SearchSpace? space, ClassifierSizes sizes, LayerScope scope)
        : this(options, space is null ? options.Mlp : ShapeOf(space.Largest), space, sizes, scope)
    {
    }

    private MlpClassifier(ModelOptions options, MlpOptions shape, SearchSpace? space, ClassifierSizes sizes, LayerScope scope) : base(scope, sizes)
    {
        (_options, _shape, _space, _active) = (options, shape, space, space?.Largest);
        var inputs = sizes.Features * sizes.Length;
        var linears = new LinearBuilder(QuantPolicy.Of(options.Quantization, LinearNames(shape).Count));
        _embedding = linears.Build(scope.Child("embedding"), inputs, shape.Width, 1 / Math.Sqrt(inputs));
        _blocks = [.. shape.Hidden.Select((hidden, i) => new MlpBlock(scope.Block(i), shape.Width, hidden, options, linears))];
        _norm = new ElasticNorm(scope.Child("norm"), shape.Width, options.NormEpsilon);
        _head = linears.Build(scope.Child("head"), shape.Width, sizes.Classes, options.InitialDeviation);
        Linears = linears.Linears;
        if (space is not null && QuantGenes.AreIn(space))
            QuantGenes.Check(space, LinearNames(shape));
    }

    public SearchSpace Space => _space ?? throw new InvalidOperationException("The model has one architecture, not a search space.");

    public Architecture Active
    {
        get => _active ?? throw new InvalidOperationException("The model has one architecture, not a search space.");
        set => (_active, _shape) = (value, ShapeOf(value));
    }

    public IReadOnlyList<Affine> Linears { get; }

    Model ISupernet.Model => this;

    /// <summary>The sizes that an architecture stands for.</summary>
    /// <exception cref="UserError">Its space lacks a gene.</exception>
    public static MlpOptions ShapeOf(Architecture architecture) => new()
    {
        Width = architecture.Whole("width"),
        Hidden = [.. Enumerable.Range(0, architecture.Whole("depth")).Select(block => architecture.Whole("hidden", block))],
    };

    /// <summary>The linear layers of a network of those sizes, in its order.</summary>
    private static IReadOnlyList<string> LinearNames(MlpOptions shape) =>
        ["embedding", .. Enumerable.Range(0, shape.Hidden.Length).SelectMany(block => new[] { $"layers.{block}.up", $"layers.{block}.down" }), "head"];

    public ModelOptions OptionsOf(Architecture architecture)
    {
        var options = _options.Copy();
        options.Mlp = ShapeOf(architecture);
        if (QuantGenes.AreIn(architecture.Space))
            options.Quantization = QuantGenes.PolicyOf(architecture, LinearNames(options.Mlp)).ToOptions();
        return options;
    }

    public Model Extract(Architecture architecture)
    {
        var options = OptionsOf(architecture);
        options.Quantization = new();
        var extracted = new MlpClassifier(options, Sizes, seed: 0);
        LeadingParts.Copy(this, extracted);
        return extracted;
    }

    /// <summary>Of a sequence, all in the name of one position: the whole is computed at once.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
    [
        new("embedding", 2.0 * Sizes.Features * Sizes.Length * _shape.Width),
        .. _shape.Hidden.Select(hidden => new TokenCost("ffn", 4.0 * _shape.Width * hidden)),
        new("head", 2.0 * _shape.Width * Sizes.Classes),
    ];

    public override Value Forward(Value features, Value? mask, ForwardContext context)
    {
        var inputs = Sizes.Features * Sizes.Length;
        var x = mask is null ? features : features * mask.Cast(features.Type).Unsqueeze(2);
        var h = _embedding.Forward(x.Reshape(-1, inputs), inputs, _shape.Width);
        for (var block = 0; block < _shape.Hidden.Length; block++)
            h = _blocks[block].Forward(h, _shape.Width, _shape.Hidden[block]);
        return _head.Forward(_norm.Forward(h, _shape.Width), _shape.Width, Sizes.Classes);
    }
}
