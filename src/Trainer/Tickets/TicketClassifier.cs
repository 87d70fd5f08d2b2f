using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Branches;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tickets;

/// <summary>
/// A <see cref="BranchClassifier"/> that loses hidden channels and weights in training (You et al. 2022, SuperTickets, arXiv 2207.03677). Dead channels are left out of
/// passes, their weights stay stored, so that checkpoints keep their form; the network that training ends with has neither.
/// </summary>
public sealed class TicketClassifier : ImageClassifier, IMaterialized
{
    private readonly ModelOptions _options;
    private readonly Dictionary<Branch, (Weight Alive, Weight RunningImportance)> _states;

    /// <param name="options">Sizes, in Model:Branches.</param>
    /// <param name="sizes">Of the input and the output.</param>
    /// <param name="scope">Of the weights.</param>
    public TicketClassifier(ModelOptions options, ClassifierSizes sizes, LayerScope scope) : base(scope, sizes)
    {
        _options = options;
        Network = new(options, sizes, scope);
        var state = scope.Child("tickets");
        foreach (var weight in Network.Matrices)
            weight.Mixture = new MaskedWeight(state.Statistic($"{weight.Name}.mask", 1, weight.Shape));
        _states = Network.Branches.Select((one, i) => (one.Branch, i)).ToDictionary(pair => pair.Branch,
            pair => (state.Statistic($"{pair.i}.alive", 1, pair.Branch.Hidden), state.Statistic($"{pair.i}.importance", options.Branches.InitialImportance, pair.Branch.Hidden)));
    }

    public BranchClassifier Network { get; }

    /// <summary>What can be pruned.</summary>
    public IReadOnlyList<Weight> Matrices => Network.Matrices;

    /// <summary>Hidden channels that are left, and all.</summary>
    public (int Alive, int All) Channels => (Network.Branches.Sum(one => one.Branch.Alive.Count), Network.Branches.Sum(one => one.Branch.Hidden));

    /// <summary>
    /// The sum over hidden channels of cost times the absolute importance; a channel's cost is its multiply-adds over the mean of all channels that are left.
    /// </summary>
    public Value ImportanceNorm(OpSet ops)
    {
        var mean = Network.Branches.Sum(one => one.Branch.Alive.Count * one.Branch.FlopsPerChannel(one.Side)) / Channels.Alive;
        return Network.Branches.Where(one => one.Branch.Alive.Count > 0)
            .Select(one => ops.Weight(one.Branch.Importance).Abs().ReduceSum([0], keepDims: false) * (one.Branch.FlopsPerChannel(one.Side) / mean))
            .Aggregate((a, b) => a + b);
    }

    /// <summary>Moves the running means of the importances.</summary>
    public void TrackImportance(double decay)
    {
        using var noGrad = no_grad();
        foreach (var (branch, (_, running)) in _states)
            running.Parameter.mul_(decay).add_(branch.Importance.Parameter, alpha: 1 - decay);
    }

    /// <summary>Leaves out the channels whose importance is at or below a threshold, of the present weights and of their running mean.</summary>
    /// <param name="threshold">Of the absolute value.</param>
    /// <param name="reactivate">Lets pruned weights of blocks that lose channels compete again.</param>
    /// <returns>Channels left out now.</returns>
    public int Shrink(double threshold, bool reactivate)
    {
        var died = 0;
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var block in Network.Branches.GroupBy(one => one.Block))
        {
            var before = died;
            foreach (var (branch, _, _) in block)
            {
                var (present, running) = (branch.Importance.Parameter.data<float>().ToArray(), _states[branch].RunningImportance.Parameter.data<float>().ToArray());
                int[] alive = [.. branch.Alive.Where(channel => Math.Abs(present[channel]) > threshold || Math.Abs(running[channel]) > threshold)];
                died += branch.Alive.Count - alive.Length;
                _states[branch].Alive.Parameter.copy_(tensor([.. Enumerable.Range(0, branch.Hidden).Select(channel => alive.Contains(channel) ? 1f : 0f)]));
                branch.Keep(alive);
            }
            if (reactivate && died > before)
                Pruner.Reset(block.SelectMany(one => one.Branch.Kernels));
        }
        return died;
    }

    /// <summary>Leaves out what an earlier run left out, after its state was restored.</summary>
    public void RestoreChannels()
    {
        foreach (var (branch, (alive, _)) in _states)
            branch.Keep([.. alive.Parameter.data<float>().ToArray().Select((value, channel) => (value, channel)).Where(pair => pair.value != 0).Select(pair => pair.channel)]);
    }

    public (Classifier Model, ModelOptions Options) Materialize()
    {
        var options = _options.Copy();
        options.Branches.Hidden = Network.AliveHidden;
        var ordinary = new BranchClassifier(options, Sizes, new LayerScope(0));
        UsedWeights.Copy(Network.Weights, ordinary);
        return (ordinary, options);
    }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => Network.CostOfToken(context);

    public override Value ForwardImage(Value image, ForwardContext context) => Network.ForwardImage(image, context);
}
