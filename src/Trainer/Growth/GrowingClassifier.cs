using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Growth;

/// <summary>
/// A convolutional network that begins as two of half its width, whose weights are combinations of templates; the whole has the two as its diagonal blocks and new
/// combinations of the same templates elsewhere (Pham et al. 2024, MixtureGrowth, arXiv 2311.04251). Normalizations are halved between the two.
/// </summary>
public sealed class GrowingClassifier : ImageClassifier, IMaterialized
{
    private readonly ModelOptions _options;
    private readonly CnnClassifier _network;
    private readonly List<TemplateWeight> _templates = [];
    private readonly List<Weight> _halved = [];
    private GrowthMode _mode = GrowthMode.Whole;

    /// <param name="options">Sizes of the whole network, and Model:Growth.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="seed">Of templates and coefficients.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    /// <exception cref="UserError">A width is odd.</exception>
    public GrowingClassifier(ModelOptions options, ClassifierSizes sizes, long seed, TorchSharp.torch.Device? device = null) : base(new LayerScope(seed, device), sizes)
    {
        _options = options;
        if (options.Cnn.Channels.FirstOrDefault(channels => channels % 2 == 1) is > 0 and var odd)
            throw new UserError($"Model:Cnn:Channels has {odd}, but a network that grows (Model:Growth) is made of two halves; every width must be even.");
        _network = new CnnClassifier(options, null, sizes, new LayerScope(seed, device));
        var random = new Random((int)(seed % int.MaxValue));
        foreach (var weight in _network.Weights)
        {
            if (weight.Name == "head.bias")
                weight.Mixture = new SummedWeight(Scope.Filled("members.0.head.bias", 0, sizes.Classes), Scope.Filled("members.1.head.bias", 0, sizes.Classes), () => _mode);
            else if (weight.Shape.Length == 1)
                _halved.Add(Scope.Adopt(weight));
            else
                weight.Mixture = Add(weight, random);
        }
    }

    /// <summary>What passes run; at first the whole network.</summary>
    public GrowthMode Mode
    {
        get => _mode;
        set
        {
            _mode = value;
            foreach (var weight in _halved)
                weight.Part = value == GrowthMode.Whole ? null : new([[value == GrowthMode.First ? (0, weight.Shape[0] / 2) : (weight.Shape[0] / 2, weight.Shape[0])]]);
            _network.UseChannels(value == GrowthMode.Whole ? _options.Cnn.Channels : [.. _options.Cnn.Channels.Select(channels => channels / 2)]);
        }
    }

    /// <summary>Weights that are combinations of templates.</summary>
    public IReadOnlyList<TemplateWeight> TemplateWeights => _templates;

    /// <summary>The network whose weights they are.</summary>
    public CnnClassifier Network => _network;

    /// <summary>What a narrow network learns (its templates, coefficients, bias, and its halves of the normalizations), or the whole one.</summary>
    public IReadOnlyList<Weight> WeightsOf(GrowthMode mode)
    {
        if (mode == GrowthMode.Whole)
            return Weights;
        var member = (int)mode;
        return [.. Weights.Where(weight => _halved.Contains(weight) || new[] { "templates", "coefficients", "members" }.Any(kind => weight.Name.StartsWith($"{kind}.{member}.", StringComparison.Ordinal)))];
    }

    /// <summary>Joins the two networks.</summary>
    /// <param name="seed">Of noise and random coefficients.</param>
    public void Grow(long seed)
    {
        var random = new Random((int)(seed % int.MaxValue));
        foreach (var weight in _templates)
            weight.Grow(_options.Growth, random);
        Mode = GrowthMode.Whole;
    }

    public (Classifier Model, ModelOptions Options) Materialize()
    {
        var (before, options) = (Mode, _options.Copy());
        options.Growth = new();
        var ordinary = new CnnClassifier(options, null, Sizes, seed: 0);
        Mode = GrowthMode.Whole;
        UsedWeights.Copy(_network.Weights, ordinary);
        Mode = before;
        return (ordinary, options);
    }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => _network.CostOfToken(context);

    public override Value ForwardImage(Value image, ForwardContext context) => _network.ForwardImage(image, context);

    private TemplateWeight Add(Weight weight, Random random)
    {
        // A head's weight is [inputs, outputs]; a convolution's [outputs, inputs, side, side].
        var template = weight.Shape.Length == 2 ? new TemplateWeight(Scope, weight, outputs: null, inputs: 0, _options.Growth, random, () => _mode)
            : new TemplateWeight(Scope, weight, outputs: 0, inputs: weight.Name == "stem.weight" ? null : 1, _options.Growth, random, () => _mode);
        _templates.Add(template);
        return template;
    }
}
