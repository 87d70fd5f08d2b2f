using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// A transformer that holds the architectures of a search space over <see cref="TransformerGenes"/>: a model of the largest sizes, whose passes use a part of its
/// weights. With <see cref="MixtureOptions"/> the feed-forward matrices are mixtures that depend on the architecture (Jawahar et al. 2024, arXiv 2306.04845);
/// a space of several sub-spaces has a set of weights for each (Xu et al. 2022, arXiv 2201.12507).
/// </summary>
public sealed class TransformerSupernet : ISupernet
{
    private readonly ModelOptions _options;
    private readonly SupernetOptions _supernet;
    private readonly TransformerModel _model;
    private Architecture _active = null!;

    /// <param name="options">Sizes that the space has no genes for; already checked.</param>
    /// <param name="supernet">How blocks are kept and weights are mixed.</param>
    /// <param name="space">The architectures.</param>
    /// <param name="vocabulary">Number of token ids.</param>
    /// <param name="seed">Of the initial weights.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    /// <exception cref="UserError">The space or the settings do not fit the model.</exception>
    public TransformerSupernet(ModelOptions options, SupernetOptions supernet, SearchSpace space, int vocabulary, long seed, TorchSharp.torch.Device? device = null)
    {
        TransformerGenes.Check(options, space);
        if (SubSpaces.Count(space) > 1 && supernet.Mixture.Experts > 1)
            throw new UserError($"Supernet:Mixture:Experts is {supernet.Mixture.Experts}, but the sub-spaces of '{space.Name}' have weights of their own already; set it to 1.");
        (_options, _supernet, Space) = (options, supernet, space);
        var scope = new LayerScope(seed, device);
        _model = TransformerModel.Build(LargestSizes(options, space), vocabulary, scope);
        if (SubSpaces.Count(space) > 1)
            WeightBanks.AddForParts(scope, _model, SubSpaces.Count(space), () => _active);
        if (supernet.Mixture.Experts > 1)
            WeightBanks.AddMixtures(scope, _model, supernet.Mixture, space, () => _active);
        Active = space.Largest;
    }

    public SearchSpace Space { get; }

    public Architecture Active
    {
        get => _active;
        set
        {
            _active = value;
            _model.Use(OptionsOf(value), _supernet.Depth == "spread");
        }
    }

    public Model Model => _model;

    /// <summary>The same, as what it is.</summary>
    public TransformerModel Transformer => _model;

    public ModelOptions OptionsOf(Architecture architecture) => TransformerGenes.OptionsOf(_options, architecture);

    public Model Extract(Architecture architecture)
    {
        var before = _active;
        Active = architecture;
        var extracted = _model.Extract(OptionsOf(architecture));
        Active = before;
        return extracted;
    }

    /// <summary>Each size the largest of any sub-space.</summary>
    private static ModelOptions LargestSizes(ModelOptions options, SearchSpace space)
    {
        var largest = Enumerable.Range(0, SubSpaces.Count(space)).Select(part => TransformerGenes.OptionsOf(options, SubSpaces.Largest(space, part))).ToArray();
        var sizes = largest[^1];
        if (largest.Length == 1)
            return sizes;
        sizes.HiddenSize = largest.Max(one => one.HiddenSize);
        sizes.Layers = sizes.FirstDenseLayers = largest.Max(one => one.Layers);
        sizes.Heads = largest.Max(one => one.LayerHeads.Append(one.Heads).Max());
        sizes.DenseHidden = largest.Max(one => one.LayerHidden.Append(BlockBuilder.DenseHidden(one)).Max());
        (sizes.LayerHeads, sizes.LayerHidden) = ([], []);
        return sizes;
    }
}
