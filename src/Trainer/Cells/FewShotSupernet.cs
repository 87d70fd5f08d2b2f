using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using TorchSharp;

namespace OnnxMoe.Trainer.Cells;

/// <summary>
/// Several supernets of cells, each for its part of the space; an architecture runs with the weights of the one that has it (Zhao et al. 2021, few-shot NAS, arXiv
/// 2006.06863; Hu et al. 2022, GM-NAS, arXiv 2203.15207). All weights are there from the beginning; splits give them a meaning.
/// </summary>
public sealed class FewShotSupernet : ImageClassifier, ISupernet
{
    private readonly ModelOptions _options;
    private int _active;

    /// <param name="options">The section Model.</param>
    /// <param name="split">The section Supernet:Split.</param>
    /// <param name="space">Of all of them.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="seed">Of the initial weights; the first supernet's are those of a supernet that is not split.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    /// <exception cref="UserError">The splits do not fit the space.</exception>
    public FewShotSupernet(ModelOptions options, SplitOptions split, SearchSpace space, ClassifierSizes sizes, long seed, torch.Device? device = null)
        : this(options, split, space, sizes, new LayerScope(seed, device))
    {
    }

    public FewShotSupernet(ModelOptions options, SplitOptions split, SearchSpace space, ClassifierSizes sizes, LayerScope scope) : base(scope, sizes)
    {
        (_options, Space) = (options, space);
        Check(split, space);
        var (levels, children) = (split.At.Length, split.ChildrenOf(space.Choices[0]));
        Leaves = [.. Enumerable.Range(0, (int)Math.Pow(children, levels)).Select(leaf => new CellClassifier(options, space, sizes, scope.Child($"leaves.{leaf}")))];
        Tree = new(scope.Child("tree"), space, levels, children);
    }

    public SearchSpace Space { get; }

    /// <summary>Of a cell, its input and output among them.</summary>
    public int Nodes => _options.Cells.Nodes;

    /// <summary>The supernets; later ones are in use when splits have come to them.</summary>
    public IReadOnlyList<CellClassifier> Leaves { get; }

    /// <summary>Which of them has which architectures.</summary>
    public SplitTree Tree { get; }

    public Architecture Active
    {
        get => Leaves[_active].Active;
        set
        {
            _active = Tree.Choose(value);
            Leaves[_active].Active = value;
        }
    }

    Model ISupernet.Model => this;

    public bool IsValid(Architecture architecture) => Leaves[0].IsValid(architecture);

    public ModelOptions OptionsOf(Architecture architecture) => Leaves[0].OptionsOf(architecture);

    public Model Extract(Architecture architecture) => Leaves[Tree.Choose(architecture)].Extract(architecture);

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => Leaves[_active].CostOfToken(context);

    public override Value ForwardImage(Value image, ForwardContext context) => Leaves[_active].ForwardImage(image, context);

    /// <summary>Gives a supernet the weights of another one.</summary>
    public void Copy(int from, int to) => Copy(Leaves[from], Leaves[to]);

    /// <summary>Gives a supernet new weights.</summary>
    public void Restart(int leaf, long seed) => Copy(new CellClassifier(_options, Space, Sizes, seed), Leaves[leaf]);

    private static void Copy(CellClassifier from, CellClassifier to)
    {
        using var noGrad = torch.no_grad();
        foreach (var (source, target) in from.Weights.Zip(to.Weights))
            target.Parameter.copy_(source.Parameter);
    }

    private static void Check(SplitOptions split, SearchSpace space)
    {
        var (edges, operations, at) = (space.Length, space.Choices[0], string.Join(',', split.At));
        Require(split.At.Zip(split.At.Skip(1)).All(pair => pair.First < pair.Second), $"Supernet:Split:At is {at}; the steps must ascend");
        Require(split.At.Length <= edges, $"Supernet:Split:At is {at}, {split.At.Length} splits of each supernet, but a cell has only {edges} edges to split");
        Require(operations <= GraphPartition.Most, $"The search space '{space.Name}' has {operations} operations; Supernet:Split looks at the partitions of {GraphPartition.Most} at most");
        Require(split.Groups <= operations, $"Supernet:Split:Groups is {split.Groups}, but the search space '{space.Name}' has only {operations} operations");
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError(otherwise + ".");
    }
}
