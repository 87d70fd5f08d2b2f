using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>What travels with one forward pass from layer to layer: the back end, routing decisions, and losses while training.</summary>
public sealed class ForwardContext(OpSet ops)
{
    private readonly List<(string Name, Value Loss)> _losses = [];
    private readonly List<(int Layer, Routing Routing)> _routings = [];

    public OpSet Ops { get; } = ops;

    /// <summary>Tokens of each sequence of the batch; known while training only.</summary>
    public long SequenceLength { get; init; } = -1;

    /// <summary>Changes what routed layers do in this pass; null leaves them as they are.</summary>
    public Intervention? Intervention { get; init; }

    /// <summary>Auxiliary losses in the order of the layers, each already times its coefficient; the objective adds them up.</summary>
    public IReadOnlyList<(string Name, Value Loss)> Losses => _losses;

    /// <summary>Decision of each routed layer, in order.</summary>
    public IReadOnlyList<(int Layer, Routing Routing)> Routings => _routings;

    public void AddLoss(string name, Value loss) => _losses.Add((name, loss));

    public void AddRouting(int layer, Routing routing) => _routings.Add((layer, routing));
}
