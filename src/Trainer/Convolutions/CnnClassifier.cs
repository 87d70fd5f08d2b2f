using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Convolutions;

/// <summary>
/// A convolutional network in the form of ResNet20 (He et al. 2016, arXiv 1512.03385): blocks, 2x2 max pooling before some, the mean over the image, an output head.
/// With a search space it is a supernet over where it pools (gene "pooling", a <see cref="PoolingPath"/>) and over the channels of its blocks (genes "channels");
/// the normalizations of a supernet do not learn.
/// </summary>
public sealed class CnnClassifier : ImageClassifier, ISupernet
{
    private const string Pooling = "pooling";
    private const string Channels = "channels";

    private readonly ModelOptions _options;
    private readonly SearchSpace? _space;
    private readonly Convolution _stem;
    private readonly BatchNorm _stemNorm;
    private readonly ConvBlock[] _blocks;
    private readonly ElasticLinear _head;
    private Architecture? _active;
    private CnnOptions _shape;

    /// <param name="options">Its sizes are in <see cref="ModelOptions.Cnn"/>.</param>
    /// <param name="space">Of a supernet; null: a model of one architecture.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="scope">Of the weights.</param>
    /// <exception cref="UserError">The sizes do not fit together, or the space has other genes.</exception>
    public CnnClassifier(ModelOptions options, SearchSpace? space, ClassifierSizes sizes, LayerScope scope) : base(scope, sizes)
    {
        (_options, _space, _active) = (options, space, space?.Largest);
        if (space?.Groups.FirstOrDefault(group => group.Name is not (Pooling or Channels)) is { } unknown)
            throw new UserError($"The search space '{space.Name}' has the gene '{unknown.Name}'; a supernet of Model:Backbone=cnn has {Pooling} and {Channels}.");
        _shape = space is null ? options.Cnn : ShapeOf(space.Largest);
        Check(_shape);
        if (space is not null && space.Groups.FirstOrDefault(group => group.Name == Pooling) is { } paths)
            foreach (var path in paths.Choices)
                Check(new() { Channels = _shape.Channels, Pools = PoolingPath.Parse(path, _shape.Channels.Length), Strides = _shape.Strides });
        var channels = _shape.Channels;
        var elastic = space?.Groups.Any(group => group.Name == Channels) == true;
        _stem = new(scope.Child("stem"), sizes.Features, channels[0], 3, _shape.StrideOf(0));
        _stemNorm = new(scope.Child("stem_norm"), channels[0], affine: space is null);
        _blocks = [.. Enumerable.Range(1, channels.Length - 1).Select(i =>
            new ConvBlock(scope.Block(i), channels[i - 1], channels[i], _shape.StrideOf(i), _shape.Residual, affine: space is null, elastic))];
        _head = new(scope.Child("head"), channels[^1], sizes.Classes, 1 / Math.Sqrt(channels[^1]));
    }

    public CnnClassifier(ModelOptions options, SearchSpace? space, ClassifierSizes sizes, long seed, TorchSharp.torch.Device? device = null)
        : this(options, space, sizes, new LayerScope(seed, device))
    {
    }

    public SearchSpace Space => _space ?? throw new InvalidOperationException("The model has one architecture, not a search space.");

    public Architecture Active
    {
        get => _active ?? throw new InvalidOperationException("The model has one architecture, not a search space.");
        set => (_active, _shape) = (value, ShapeOf(value));
    }

    Model ISupernet.Model => this;

    public ModelOptions OptionsOf(Architecture architecture)
    {
        var options = _options.Copy();
        options.Cnn = ShapeOf(architecture);
        return options;
    }

    public Model Extract(Architecture architecture)
    {
        var extracted = new CnnClassifier(OptionsOf(architecture), null, Sizes, seed: 0);
        LeadingParts.Copy(this, extracted);
        return extracted;
    }

    /// <summary>Makes passes use the first channels of each block.</summary>
    internal void UseChannels(int[] channels) => _shape = new() { Channels = channels, Pools = _shape.Pools, Strides = _shape.Strides, Residual = _shape.Residual };

    /// <summary>Of an image, all in the name of one position.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context)
    {
        var channels = _shape.Channels;
        var side = Side;
        yield return new("stem", _stem.Flops(side, Sizes.Features, channels[0]));
        side = Strided(side, 0);
        for (var i = 1; i < channels.Length; i++)
        {
            side = _shape.Pools.Contains(i) ? side / 2 : side;
            yield return new("blocks", _blocks[i - 1].Flops(side, channels[i - 1], channels[i]));
            side = Strided(side, i);
        }
        yield return new("head", 2.0 * channels[^1] * Sizes.Classes);
    }

    public override Value ForwardImage(Value image, ForwardContext context)
    {
        var channels = _shape.Channels;
        var h = _stemNorm.Forward(_stem.Forward(image, Sizes.Features, channels[0]), channels[0], context).Relu();
        for (var i = 1; i < channels.Length; i++)
        {
            if (_shape.Pools.Contains(i))
                h = h.MaxPool([2, 2], strides: [2, 2]);
            h = _blocks[i - 1].Forward(h, channels[i - 1], channels[i], context);
        }
        return _head.Forward(h.GlobalAveragePool().Reshape(0, -1), channels[^1], Sizes.Classes);
    }

    private int Strided(int side, int block) => (side + _shape.StrideOf(block) - 1) / _shape.StrideOf(block);

    private CnnOptions ShapeOf(Architecture architecture)
    {
        var (given, groups) = (_options.Cnn, architecture.Space.Groups);
        var channels = groups.FirstOrDefault(group => group.Name == Channels) is { } elastic
            ? [.. Enumerable.Range(0, elastic.Count).Select(block => architecture.Whole(Channels, block))] : given.Channels;
        var pools = groups.Any(group => group.Name == Pooling) ? PoolingPath.Parse(architecture.Word(Pooling), channels.Length) : given.Pools;
        return new() { Channels = channels, Pools = pools, Strides = given.Strides, Residual = given.Residual };
    }

    private void Check(CnnOptions shape)
    {
        var blocks = shape.Channels.Length;
        Require(blocks > 0 && shape.Channels.All(channels => channels > 0), $"Model:Cnn:Channels is {string.Join(',', shape.Channels)}; every block needs 1 or more");
        Require(shape.Pools.All(pool => pool > 0 && pool < blocks) && shape.Pools.Distinct().Count() == shape.Pools.Length,
            $"Model:Cnn:Pools is {string.Join(',', shape.Pools)}; it must be different numbers from 1 to {blocks - 1}, the last block's");
        Require(shape.Strides.Length == 0 || (shape.Strides.Length == blocks && shape.Strides.All(stride => stride > 0)),
            $"Model:Cnn:Strides has {shape.Strides.Length} numbers for {blocks} blocks; give one from 1 for each, or none");
        Require(Side % (1 << shape.Pools.Length) == 0, $"{shape.Pools.Length} poolings cannot halve an image of {Side} pixels a side evenly; choose another Data:ImageSide or fewer poolings");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
