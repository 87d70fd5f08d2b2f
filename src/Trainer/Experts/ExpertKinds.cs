using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Experts;

/// <summary>The kind of each of the N experts that a router scores, and which stored expert stands behind each feed-forward one.</summary>
public sealed class ExpertKinds
{
    private readonly ExpertKind[] _kinds;
    private readonly HostTensor _stored;

    /// <param name="kinds">In the order of the router's scores; feed-forward experts are stored in that order too.</param>
    public ExpertKinds(params IReadOnlyList<ExpertKind> kinds)
    {
        _kinds = [.. kinds];
        var next = 0L;
        // One more entry than experts: a pick of -1 counts from the end and so stays -1.
        _stored = HostTensor.Vector([.. _kinds.Select(kind => kind == ExpertKind.Ffn ? next++ : -1), -1L]);
    }

    /// <summary>N.</summary>
    public int Count => _kinds.Length;

    /// <summary>Number of feed-forward experts, E.</summary>
    public int Stored => _kinds.Count(kind => kind == ExpertKind.Ffn);

    /// <summary>True when all experts are feed-forward ones.</summary>
    public bool AllStored => Stored == Count;

    public ExpertKind this[int expert] => _kinds[expert];

    /// <summary>Feed-forward experts alone.</summary>
    public static ExpertKinds Ffn(int experts) => new([.. Enumerable.Repeat(ExpertKind.Ffn, experts)]);

    /// <summary>The experts of a kind, ascending.</summary>
    public IReadOnlyList<int> Of(ExpertKind kind) => [.. Enumerable.Range(0, Count).Where(i => _kinds[i] == kind)];

    /// <summary>The stored expert of each pick [T, K] int64; -1 for a pick of another kind, and for none.</summary>
    public Value StoredIndices(Value picks) => AllStored ? picks : picks.Ops.Constant(_stored).Gather(picks);

    /// <summary>Where the picks [T, K] are of that kind: [T, K] bool, false for no pick.</summary>
    public Value Are(ExpertKind kind, Value picks) =>
        picks.Ops.Constant(HostTensor.Vector([.. _kinds.Select(k => k == kind), false])).Gather(picks);
}
