using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Layers;

/// <summary>What travels with one forward pass from layer to layer: the back end, caches, routing decisions, and losses while training.</summary>
/// <param name="ops">The back end.</param>
/// <param name="past">The caches so far by the names of their slots; null for a pass over whole sequences that keeps none.</param>
public sealed class ForwardContext(OpSet ops, IReadOnlyDictionary<string, Value>? past = null)
{
    private readonly List<(string Name, Value Loss)> _losses = [];
    private readonly List<(RoutedLayer Layer, Routing Routing)> _routings = [];
    private readonly Dictionary<string, Value> _present = [];
    private AttentionInput? _attention;
    private (Value States, Value? Mask)? _memory;

    public OpSet Ops { get; } = ops;

    /// <summary>Tokens of each sequence of the batch; known while training only.</summary>
    public long SequenceLength { get; init; } = -1;

    /// <summary>The share of the training steps that are done, 0 to below 1; 1 outside of training.</summary>
    public double Progress { get; init; } = 1;

    /// <summary>[1] int64: how many experts a token activates, where that is decided for each run; null: the layer's own number.</summary>
    public Value? ActiveExperts { get; init; }

    /// <summary>A scalar: the sum of probabilities at which top-p selection stops, where that is decided for each run; null: the layer's own.</summary>
    public Value? Threshold { get; init; }

    /// <summary>[B, S] int64: the expert of each token for all layers, in a model whose router runs before it; else null.</summary>
    public Value? ExpertIds { get; set; }

    /// <summary>Sees the hidden layer [..., F] of each dense feed-forward layer, what its last projection takes, in order; null: nobody looks.</summary>
    public Action<Value>? WatchHidden { get; init; }

    /// <summary>Positions, mask and rotation tables of the sequences; the model sets them before the first layer.</summary>
    public AttentionInput Attention
    {
        get => _attention ?? throw new InvalidOperationException("The layer needs sequences, but the forward pass has none.");
        set => _attention = value;
    }

    /// <summary>What a decoder looks at: the encoder's result [B, S, D], and its mask [B, S] int64, 0 for padding; null: none.</summary>
    public (Value States, Value? Mask) Memory
    {
        get => _memory ?? throw new InvalidOperationException("The layer looks at an encoder's result, but the forward pass has none.");
        set => _memory = value;
    }

    /// <summary>Sees queries, keys and values [B, S, H * d] of each self-attention before they are rotated, in order; null: nobody looks.</summary>
    public Action<IReadOnlyList<Value>>? WatchProjections { get; init; }

    /// <summary>What the heads of the present block's attention did; null where no router asked for it.</summary>
    public AttentionHeads? Heads { get; set; }

    /// <summary>Makes batch normalizations use their batch's statistics; null: the stored ones.</summary>
    public BatchStatistics? BatchStatistics { get; init; }

    /// <summary>Hands tensors from layer to layer.</summary>
    public DepthCarry Carry { get; } = new();

    /// <summary>Changes what routed layers do in this pass; null leaves them as they are.</summary>
    public Intervention? Intervention { get; init; }

    /// <summary>Sees the tokens [T, D] that each routed layer reads; null: nobody asks.</summary>
    public Action<RoutedLayer, Value>? Watch { get; init; }

    /// <summary>Auxiliary losses in the order of the layers, each already times its coefficient; the objective adds them up.</summary>
    public IReadOnlyList<(string Name, Value Loss)> Losses => _losses;

    /// <summary>Decision of each routed layer, in order; a layer that routes several times in a pass is there each time.</summary>
    public IReadOnlyList<(RoutedLayer Layer, Routing Routing)> Routings => _routings;

    /// <summary>The grown caches by the names of their slots.</summary>
    public IReadOnlyDictionary<string, Value> Present => _present;

    /// <summary>What the slot held before this pass; null when no caches are kept.</summary>
    public Value? Past(CacheSlot slot) => past?[slot.Name];

    /// <summary>Keeps the slot's grown tensor.</summary>
    public void Keep(CacheSlot slot, Value present) => _present[slot.Name] = present;

    public void AddLoss(string name, Value loss) => _losses.Add((name, loss));

    public void AddRouting(RoutedLayer layer, Routing routing) => _routings.Add((layer, routing));
}
