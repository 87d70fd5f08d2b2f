using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Cells;

/// <summary>
/// All candidates an edge, each times its share of a softmax over architecture weights (Liu et al. 2019, DARTS, arXiv 1806.09055). A decided edge runs one
/// candidate alone, and its weights get no gradient; a deleted candidate is left out without giving its share to the others (Wang et al. 2021, arXiv 2108.04392).
/// </summary>
/// <param name="alpha">Architecture weights [edges, candidates].</param>
public sealed class SoftGates(Weight alpha) : CellGates
{
    private readonly int?[] _decided = new int?[alpha.Shape[0]];

    /// <summary>Candidates of an edge.</summary>
    public int Candidates => (int)alpha.Shape[1];

    /// <summary>The candidate of each decided edge; null: open.</summary>
    public IReadOnlyList<int?> Decided => _decided;

    /// <summary>The candidate that is left out; null: none.</summary>
    public (int Edge, int Op)? Deleted { get; set; }

    /// <summary>Candidates that each edge may use [edges][candidates], among which the softmax is taken; null: all.</summary>
    public IReadOnlyList<IReadOnlyList<bool>>? Allowed { get; set; }

    /// <summary>Fixes an edge.</summary>
    public void Decide(int edge, int op) => _decided[edge] = op;

    public override IReadOnlyList<IReadOnlyList<GatedOp>> Open(OpSet ops)
    {
        var shares = Shares(ops);
        return [.. _decided.Select((decided, edge) => decided is { } one ? (IReadOnlyList<GatedOp>)(Deleted == (edge, one) ? [] : [new(one)])
            : [.. Enumerable.Range(0, Candidates).Where(op => Deleted != (edge, op) && IsAllowed(edge, op))
                .Select(op => new GatedOp(op, shares.Slice(0, edge, edge + 1).Slice(1, op, op + 1)))])];
    }

    /// <summary>[edges, candidates]: rows sum to 1 over what is allowed.</summary>
    public Value Shares(OpSet ops)
    {
        var weights = ops.Weight(alpha);
        if (Allowed is null)
            return weights.Softmax();
        var mask = Enumerable.Range(0, (int)alpha.Shape[0]).SelectMany(edge => Enumerable.Range(0, Candidates).Select(op => IsAllowed(edge, op) ? 0f : float.NegativeInfinity)).ToArray();
        return (weights + ops.Constant(HostTensor.From(mask, alpha.Shape))).Softmax();
    }

    private bool IsAllowed(int edge, int op) => Allowed is null || Allowed[edge][op];
}
