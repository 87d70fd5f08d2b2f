using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// A dense language model whose blocks can have several numbers of bits each (gene "bits", one for each block; Yi et al. 2024, LLM-QFA, arXiv 2405.20202). Its
/// matrices are quantized and stay as they are; the adapters are trained.
/// </summary>
public sealed class BitSupernet : ISupernet
{
    /// <summary>The genes: bits of each block.</summary>
    public const string Gene = "bits";

    private readonly ModelOptions _options;
    private readonly DecoderLm _model;
    private readonly BitBank[][] _banks;
    private Architecture _active = null!;

    /// <param name="options">Of the model; already checked.</param>
    /// <param name="space">The numbers of bits.</param>
    /// <param name="vocabulary">Number of token ids.</param>
    /// <param name="seed">Of the adapters' initial weights.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    /// <exception cref="UserError">The space does not fit the model.</exception>
    public BitSupernet(ModelOptions options, SearchSpace space, int vocabulary, long seed, Device? device = null)
    {
        options.CheckGroups();
        var (genes, _) = space.Find(Gene);
        var bits = Enumerable.Range(0, genes.Choices.Count).Select(choice => (int)genes.Number(choice)).ToArray();
        if (genes.Count != options.Layers || !Holds(space))
            throw new UserError($"The search space '{space.Name}' must have the genes '{Gene}' alone, {options.Layers} of them: one for each block of the model.");
        if (bits.FirstOrDefault(b => b is < 2 or > 8) is > 0 and var wrong)
            throw new UserError($"The search space '{space.Name}' lets '{Gene}' be {wrong}; a block may have 2 to 8 bits.");
        (_options, Space) = (options, space);
        var banks = new List<BitBank>();
        _model = new DecoderLm(options, vocabulary, new LayerScope(seed, device), (scope, inputs, outputs, _) =>
        {
            banks.Add(new BitBank(scope, inputs, outputs, bits, options.Quantization));
            return banks[^1];
        });
        foreach (var weight in _model.Weights.Except(banks.SelectMany(bank => bank.Weights)))
            weight.Parameter.requires_grad_(false);
        _banks = [.. banks.Chunk(banks.Count / options.Layers)];
        Active = space.Largest;
    }

    /// <summary>True for a space of such genes.</summary>
    public static bool Holds(SearchSpace space) => space.Groups.All(group => group.Name == Gene);

    public SearchSpace Space { get; }

    public Model Model => _model;

    /// <summary>The model as what it is.</summary>
    public DecoderLm Lm => _model;

    public Architecture Active
    {
        get => _active;
        set
        {
            _active = value;
            for (var block = 0; block < _banks.Length; block++)
                foreach (var bank in _banks[block])
                    bank.Active = value.Genes[block];
        }
    }

    /// <summary>False: as quantized, without the adapters.</summary>
    public bool Adapts
    {
        set
        {
            foreach (var bank in _banks.SelectMany(block => block))
                bank.Adapts = value;
        }
    }

    public ModelOptions OptionsOf(Architecture architecture)
    {
        var options = _options.Copy();
        options.Quantization.Bits = [.. Enumerable.Range(0, options.Layers).Select(block => architecture.Whole(Gene, block))];
        return options;
    }

    /// <summary>The adapters are merged into the zero points.</summary>
    public Model Extract(Architecture architecture)
    {
        var before = _active;
        Active = architecture;
        var extracted = new DecoderLm(OptionsOf(architecture), _model.Vocabulary, seed: 0);
        var own = _model.Weights.ToDictionary(weight => weight.Name);
        using var noGrad = no_grad();
        foreach (var weight in extracted.Weights)
            if (own.TryGetValue(weight.Name, out var same))
                weight.Parameter.copy_(same.Parameter);
        foreach (var (bank, place) in _banks.SelectMany(block => block).Zip(extracted.Products))
            bank.Extract((GroupCodes)place.Product);
        Active = before;
        return extracted;
    }

    /// <summary>Gives the supernet the weights of a trained model, its matrices quantized.</summary>
    /// <param name="source">Of the same sizes, not quantized.</param>
    /// <param name="products">Sum of x x^T over the inputs of each matrix, by its name (<see cref="InputProducts"/>); null: matrices are rounded to nearest.</param>
    /// <exception cref="UserError">The model is of another form.</exception>
    public void Start(DecoderLm source, IReadOnlyDictionary<string, MathNet.Numerics.LinearAlgebra.Matrix<double>>? products) =>
        Start(_model, _options.Quantization.Group, source, products);

    /// <inheritdoc cref="Start(DecoderLm, IReadOnlyDictionary{string, MathNet.Numerics.LinearAlgebra.Matrix{double}}?)"/>
    internal static void Start(DecoderLm target, int group, DecoderLm source, IReadOnlyDictionary<string, MathNet.Numerics.LinearAlgebra.Matrix<double>>? products)
    {
        var given = source.Weights.ToDictionary(weight => weight.Name);
        var banks = target.Products.ToDictionary(place => place.Name, place => (BitBank)place.Product);
        var own = target.Weights.Except(banks.Values.SelectMany(bank => bank.Weights)).ToArray();
        if (own.Select(weight => weight.Name).Concat(banks.Keys).FirstOrDefault(name => !given.ContainsKey(name)) is { } missing)
            throw new UserError($"The model to be quantized has no weight {missing}; it must have the sizes of the quantized one.");
        using var noGrad = no_grad();
        foreach (var weight in own)
            weight.Parameter.copy_(given[weight.Name].Parameter);
        foreach (var (name, bank) in banks)
        {
            var inputs = (int)given[name].Shape[0];
            var matrix = TorchTensors.ToHost(given[name].Parameter);
            foreach (var codes in bank.Codes)
                codes.Set(products is null
                    ? QuantizedMatrix.RoundToNearest(matrix.AsSpan<float>(), inputs, codes.Bits, group, symmetric: false)
                    : Gptq.Quantize(matrix.AsSpan<float>(), products[name], codes.Bits, group, symmetric: false));
        }
    }
}
