using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Cells;

/// <summary>
/// A network of equal cells in the form of NAS-Bench-201 (Dong and Yang 2020, arXiv 2001.00326): a convolution, stages of cells with a residual block that halves the
/// image and doubles the channels between two of them, the mean over the image, an output head. With a search space (genes "op", one an edge) it is a supernet
/// whose edges hold all candidates; the normalizations of a supernet do not learn.
/// </summary>
public sealed class CellClassifier : ImageClassifier, ISupernet
{
    private const string Op = "op";
    private const double AlphaDeviation = 1e-3;

    private readonly ModelOptions _options;
    private readonly SearchSpace? _space;
    private readonly Convolution _stem;
    private readonly BatchNorm _stemNorm;
    private readonly Cell[][] _stages;
    private readonly ConvBlock[] _reductions;
    private readonly BatchNorm _norm;
    private readonly ElasticLinear _head;
    private readonly Weight? _alpha;
    private Architecture? _active;

    /// <param name="options">Its sizes are in <see cref="ModelOptions.Cells"/>.</param>
    /// <param name="space">Of a supernet; null: a model of one genotype.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="scope">Of the weights.</param>
    /// <exception cref="UserError">The sizes do not fit together, or the space has other genes.</exception>
    public CellClassifier(ModelOptions options, SearchSpace? space, ClassifierSizes sizes, LayerScope scope) : base(scope, sizes)
    {
        (_options, _space) = (options, space);
        var cells = options.Cells;
        Check(cells, space);
        var affine = space is null;
        Candidates = space is null ? [.. cells.Genotype.Select(name => (string[])[name])] : [.. Enumerable.Repeat(space.Find(Op).Group.Choices, cells.Edges)];
        int Width(int stage) => cells.Channels << stage;
        (_stem, _stemNorm) = (new(scope.Child("stem"), sizes.Features, cells.Channels, 3), new(scope.Child("stem_norm"), cells.Channels, affine));
        _stages = [.. Enumerable.Range(0, cells.Stages).Select(stage => Enumerable.Range(0, cells.CellsPerStage)
            .Select(cell => new Cell(scope.Child($"stages.{stage}.cells.{cell}"), cells.Nodes, Candidates, Width(stage), affine)).ToArray())];
        _reductions = [.. Enumerable.Range(1, cells.Stages - 1).Select(stage => new ConvBlock(scope.Child($"stages.{stage}.reduction"), Width(stage - 1), Width(stage), 2, residual: true, affine))];
        var last = Width(cells.Stages - 1);
        (_norm, _head) = (new(scope.Child("norm"), last, affine), new(scope.Child("head"), last, sizes.Classes, 1 / Math.Sqrt(last)));
        if (space is null)
        {
            Gates = new OneHotGates(new int[cells.Edges]);
            return;
        }
        _alpha = scope.Normal("alpha", AlphaDeviation, cells.Edges, Candidates[0].Count);
        (_active, Gates) = (space.Largest, new OneHotGates(space.Largest));
    }

    public CellClassifier(ModelOptions options, SearchSpace? space, ClassifierSizes sizes, long seed, TorchSharp.torch.Device? device = null)
        : this(options, space, sizes, new LayerScope(seed, device))
    {
    }

    public SearchSpace Space => _space ?? throw new InvalidOperationException("The model has one architecture, not a search space.");

    /// <summary>The operations of each edge; the same for all cells.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Candidates { get; }

    /// <summary>Nodes of a cell.</summary>
    public int Nodes => _options.Cells.Nodes;

    /// <summary>What the edges run.</summary>
    public CellGates Gates { get; set; }

    /// <summary>Architecture weights of a supernet [edges, candidates].</summary>
    public Weight Alpha => _alpha ?? throw new InvalidOperationException("The model has one architecture, not a search space.");

    /// <summary>All cells in order.</summary>
    public IEnumerable<Cell> Cells => _stages.SelectMany(stage => stage);

    /// <summary>The weights of all cells and of the blocks between them.</summary>
    public IReadOnlyList<Weight> StageWeights => [.. Cells.SelectMany(cell => cell.Weights), .. _reductions.SelectMany(block => block.Weights)];

    /// <summary>All weights but <see cref="Alpha"/>.</summary>
    public IReadOnlyList<Weight> NetworkWeights => [.. Weights.Where(weight => weight != _alpha)];

    public Architecture Active
    {
        get => _active ?? throw new InvalidOperationException("The model has one architecture, not a search space.");
        set => (_active, Gates) = (value, new OneHotGates(value));
    }

    Model ISupernet.Model => this;

    /// <summary>False where the input of a cell does not reach its output.</summary>
    public bool IsValid(Architecture architecture) => CellGraph.IsConnected(_options.Cells.Nodes, GenotypeOf(architecture));

    /// <summary>The operation of each edge.</summary>
    public static string[] GenotypeOf(Architecture architecture) => [.. Enumerable.Range(0, architecture.Space.Find(Op).Group.Count).Select(edge => architecture.Word(Op, edge))];

    public ModelOptions OptionsOf(Architecture architecture)
    {
        var options = _options.Copy();
        options.Cells.Genotype = GenotypeOf(architecture);
        return options;
    }

    public Model Extract(Architecture architecture)
    {
        var extracted = new CellClassifier(OptionsOf(architecture), null, Sizes, seed: 0);
        LeadingParts.Copy(this, extracted);
        return extracted;
    }

    /// <summary>Of an image, all in the name of one position.</summary>
    public override IEnumerable<TokenCost> CostOfToken(CostContext context)
    {
        var cells = _options.Cells;
        var side = Side;
        var gates = Gates.Open(new TorchOps());
        yield return new("stem", _stem.Flops(side));
        for (var stage = 0; stage < _stages.Length; stage++)
        {
            if (stage > 0)
            {
                yield return new("reductions", _reductions[stage - 1].Flops(side, cells.Channels << (stage - 1), cells.Channels << stage));
                side = (side + 1) / 2;
            }
            yield return new("cells", _stages[stage].Sum(cell => cell.Flops(side, gates)));
        }
        yield return new("head", 2.0 * (cells.Channels << (_stages.Length - 1)) * Sizes.Classes);
    }

    public override Value ForwardImage(Value image, ForwardContext context)
    {
        var (cells, gates) = (_options.Cells, Gates.Open(context.Ops));
        var h = _stemNorm.Forward(_stem.Forward(image), context);
        for (var stage = 0; stage < _stages.Length; stage++)
        {
            if (stage > 0)
                h = _reductions[stage - 1].Forward(h, cells.Channels << (stage - 1), cells.Channels << stage, context);
            foreach (var cell in _stages[stage])
                h = cell.Forward(h, gates, context);
        }
        h = _norm.Forward(h, context).Relu();
        var width = cells.Channels << (_stages.Length - 1);
        return _head.Forward(h.GlobalAveragePool().Reshape(0, -1), width, Sizes.Classes);
    }

    private static void Check(CellOptions cells, SearchSpace? space)
    {
        if (space is null)
        {
            Require(cells.Genotype.Length == cells.Edges, $"Model:Cells:Genotype names {cells.Genotype.Length} operations, but a cell of {cells.Nodes} nodes has {cells.Edges} edges");
            Require(CellGraph.IsConnected(cells.Nodes, cells.Genotype), $"Model:Cells:Genotype is {string.Join(',', cells.Genotype)}, which does not connect the cell's input with its output");
            return;
        }
        Require(space.Groups.Count == 1 && space.Groups[0].Name == Op, $"The search space '{space.Name}' has the genes {string.Join(", ", space.Groups.Select(group => group.Name))}; a supernet of Model:Backbone=cells has '{Op}' alone");
        var group = space.Groups[0];
        Require(group.Count == cells.Edges, $"The search space '{space.Name}' has {group.Count} genes '{Op}', but a cell of {cells.Nodes} nodes has {cells.Edges} edges");
        Require(group.Choices.Count > 1, $"The search space '{space.Name}' offers one operation; there is nothing to search");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
