using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets.Copies;

/// <summary>Several supernets of equal form and unequal weights; a pass runs one of them.</summary>
public sealed class SupernetCopies : Classifier, ISupernet
{
    private readonly Classifier[] _copies;
    private readonly Dictionary<Architecture, int> _numbers;

    /// <param name="scope">Of the weights.</param>
    /// <param name="count">Of the supernets.</param>
    /// <param name="make">Makes one.</param>
    /// <exception cref="UserError">There are more supernets than architectures, or too many architectures to have a score each.</exception>
    public SupernetCopies(LayerScope scope, int count, Func<LayerScope, Classifier> make) : this(scope, [.. Enumerable.Range(0, count).Select(copy => make(scope.Child($"copies.{copy}")))])
    {
    }

    private SupernetCopies(LayerScope scope, Classifier[] copies) : base(scope, copies[0].Sizes)
    {
        const int most = 100_000;
        _copies = copies;
        if (Space.Size > most)
            throw new UserError($"The search space '{Space.Name}' has {Space.Size:N0} architectures; Supernet:Copies keeps a score of each, of {most:N0} at most.");
        if (copies.Length > Space.Size)
            throw new UserError($"Supernet:Copies:Count is {copies.Length}, but the search space '{Space.Name}' has {Space.Size} architectures to share.");
        Architectures = [.. Space.All()];
        _numbers = Architectures.Select((architecture, i) => (architecture, i)).ToDictionary(pair => pair.architecture, pair => pair.i);
        Scores = scope.Statistic("assignment.scores", 0, Architectures.Count, copies.Length);
        Scale = scope.Statistic("assignment.scale", 0, copies.Length);
        Trained = scope.Statistic("assignment.trained", 0, Architectures.Count, copies.Length);
    }

    public SearchSpace Space => ((ISupernet)_copies[0]).Space;

    /// <summary>All architectures, by their rows in <see cref="Scores"/>.</summary>
    public IReadOnlyList<Architecture> Architectures { get; }

    /// <summary>Number of supernets.</summary>
    public int Count => _copies.Length;

    /// <summary>The supernet that a pass runs.</summary>
    public int Copy { get; set; }

    /// <summary>How well each supernet does with each architecture [architectures, supernets], as training last saw it.</summary>
    public Weight Scores { get; }

    /// <summary>Scaling of the assignment's columns in the present epoch [supernets].</summary>
    public Weight Scale { get; }

    /// <summary>Steps that trained each architecture in each supernet [architectures, supernets].</summary>
    public Weight Trained { get; }

    public Architecture Active
    {
        get => ((ISupernet)_copies[Copy]).Active;
        set
        {
            foreach (var copy in _copies.Cast<ISupernet>())
                copy.Active = value;
        }
    }

    Model ISupernet.Model => this;

    public override IReadOnlyList<TensorSpec> Inputs => _copies[0].Inputs;

    /// <summary>Makes passes run the supernet that has trained an architecture most often.</summary>
    public void ChooseBusiest(Architecture architecture)
    {
        var trained = Trained.Parameter.data<float>().ToArray();
        Copy = Enumerable.Range(0, Count).MaxBy(copy => trained[(_numbers[architecture] * Count) + copy]);
    }

    /// <summary>The weights of one supernet.</summary>
    public IReadOnlyList<Weight> WeightsOf(int copy) => _copies[copy].Weights;

    /// <summary>Row of an architecture.</summary>
    public int NumberOf(Architecture architecture) => _numbers[architecture];

    public bool IsValid(Architecture architecture) => ((ISupernet)_copies[0]).IsValid(architecture);

    public ModelOptions OptionsOf(Architecture architecture) => ((ISupernet)_copies[0]).OptionsOf(architecture);

    /// <summary>From the supernet <see cref="Copy"/>.</summary>
    public Model Extract(Architecture architecture) => ((ISupernet)_copies[Copy]).Extract(architecture);

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => _copies[Copy].CostOfToken(context);

    public override IReadOnlyDictionary<string, HostTensor> InputsOf(LabeledSequences sequences) => _copies[0].InputsOf(sequences);

    public override Value Forward(Value features, Value? mask, ForwardContext context) => _copies[Copy].Forward(features, mask, context);

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs) => _copies[Copy].Run(ops, inputs);
}
