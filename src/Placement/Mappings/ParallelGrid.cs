using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Mappings;

/// <summary>
/// How W ranks divide a model: one grid TP x CP x DP x PP for attention and all else that is dense, one grid ETP x EP x EDP x PP for the experts. They share only the
/// pipeline. Folded (MoE Parallel Folding, arXiv 2504.14960), the expert grid is numbered by itself, so that EP and ETP may lie over any of TP, CP and DP; unfolded, as
/// before it, EP lies inside DP and ETP = TP.
/// </summary>
public sealed class ParallelGrid
{
    readonly IReadOnlyList<GridAxis> _order;

    ParallelGrid(int ranks, int tp, int cp, int pp, int etp, int ep, bool folded, string order)
    {
        (Ranks, Tp, Cp, Pp, Dp, Etp, Ep, IsFolded, Order) = (ranks, tp, cp, pp, ranks / (tp * cp * pp), etp, ep, folded, order);
        Edp = ranks / (etp * ep * pp);
        _order = RankGrid.ParseOrder(order);
        Attention = new RankGrid(_order, new Dictionary<GridAxis, int> { [GridAxis.Tp] = tp, [GridAxis.Cp] = cp, [GridAxis.Dp] = Dp, [GridAxis.Pp] = pp });
        Experts = new RankGrid(_order, folded
            ? new Dictionary<GridAxis, int> { [GridAxis.Tp] = etp, [GridAxis.Ep] = ep, [GridAxis.Dp] = Edp, [GridAxis.Pp] = pp }
            : new Dictionary<GridAxis, int> { [GridAxis.Tp] = tp, [GridAxis.Cp] = cp, [GridAxis.Ep] = ep, [GridAxis.Dp] = Dp / ep, [GridAxis.Pp] = pp });
    }

    /// <summary>All ranks, W.</summary>
    public int Ranks { get; }

    /// <summary>Tensor parallelism of the dense part.</summary>
    public int Tp { get; }

    /// <summary>Context parallelism.</summary>
    public int Cp { get; }

    /// <summary>Data parallelism of the dense part.</summary>
    public int Dp { get; }

    /// <summary>Pipeline stages, of both grids.</summary>
    public int Pp { get; }

    /// <summary>Tensor parallelism of the experts.</summary>
    public int Etp { get; }

    /// <summary>Expert parallelism.</summary>
    public int Ep { get; }

    /// <summary>Copies of each expert.</summary>
    public int Edp { get; }

    /// <summary>Whether the experts have a numbering of their own.</summary>
    public bool IsFolded { get; }

    /// <summary>The axes, fastest first.</summary>
    public string Order { get; }

    /// <summary>The grid of attention, dense layers and embeddings.</summary>
    public RankGrid Attention { get; }

    /// <summary>The grid of the experts.</summary>
    public RankGrid Experts { get; }

    /// <summary>The groups along an axis of attention's grid.</summary>
    public IReadOnlyList<IReadOnlyList<int>> AttentionGroups(params IReadOnlyList<GridAxis> axes) => Attention.Groups(axes);

    /// <summary>The groups along an axis of the experts' grid: Tp is ETP; Dp is EDP, all ranks with the same expert weights.</summary>
    public IReadOnlyList<IReadOnlyList<int>> ExpertGroups(GridAxis axis) => axis == GridAxis.Dp ? Experts.Groups(GridAxis.Cp, GridAxis.Dp) : Experts.Groups(axis);

    /// <summary>The degrees in one line.</summary>
    public override string ToString() => $"TP{Tp} CP{Cp} DP{Dp} PP{Pp}, ETP{Etp} EP{Ep} EDP{Edp}";

    /// <summary>Two grids with expert numbering of their own.</summary>
    /// <param name="ranks">W.</param>
    /// <param name="tp">Tensor parallelism.</param>
    /// <param name="cp">Context parallelism.</param>
    /// <param name="pp">Pipeline stages.</param>
    /// <param name="ep">Expert parallelism.</param>
    /// <param name="etp">Tensor parallelism of the experts; 0 takes <paramref name="tp"/>.</param>
    /// <param name="order">The axes, fastest first.</param>
    /// <exception cref="UserError">W does not divide, or the stages of the two grids differ.</exception>
    public static ParallelGrid Folded(int ranks, int tp, int cp, int pp, int ep, int etp = 0, string order = RankGrid.DefaultOrder)
    {
        etp = etp == 0 ? tp : etp;
        Positive(("ranks", ranks), ("TP", tp), ("CP", cp), ("PP", pp), ("EP", ep), ("ETP", etp));
        Divides(ranks, tp * cp * pp, $"TP x CP x PP = {tp} x {cp} x {pp}");
        Divides(ranks, etp * ep * pp, $"ETP x EP x PP = {etp} x {ep} x {pp}");
        var grid = new ParallelGrid(ranks, tp, cp, pp, etp, ep, folded: true, order);
        if (grid._order[^1] != GridAxis.Pp && pp > 1 && grid.Edp != grid.Dp)
            throw new UserError($"With the order {order}, whose slowest axis is not pp, EDP must equal DP, but {grid} has {grid.Edp} and {grid.Dp}; put pp last.");
        if (!SamePipelines(grid))
            throw new UserError($"The pipeline groups of the two grids of {grid} differ with the order {order}; put pp last.");
        return grid;
    }

    /// <summary>The mapping before folding: expert parallelism inside data parallelism, experts sliced like attention.</summary>
    /// <inheritdoc cref="Folded"/>
    public static ParallelGrid Unfolded(int ranks, int tp, int cp, int pp, int ep, string order = RankGrid.DefaultOrder)
    {
        Positive(("ranks", ranks), ("TP", tp), ("CP", cp), ("PP", pp), ("EP", ep));
        Divides(ranks, tp * cp * pp, $"TP x CP x PP = {tp} x {cp} x {pp}");
        var dp = ranks / (tp * cp * pp);
        if (dp % ep != 0)
            throw new UserError($"Without folding EP lies inside DP, so EP must divide it, but EP is {ep} and DP {dp} ({ranks} ranks, TP{tp} CP{cp} PP{pp}); fold, or use {(long)ep * tp * cp * pp} ranks.");
        return new ParallelGrid(ranks, tp, cp, pp, tp, ep, folded: false, order);
    }

    static bool SamePipelines(ParallelGrid grid) =>
        grid.Attention.Groups(GridAxis.Pp).Select(group => string.Join(',', group)).ToHashSet()
            .SetEquals(grid.Experts.Groups(GridAxis.Pp).Select(group => string.Join(',', group)));

    static void Positive(params (string Name, int Value)[] degrees)
    {
        foreach (var (name, value) in degrees)
        {
            if (value < 1)
                throw new UserError($"{name} is {value}; it must be at least 1.");
        }
    }

    static void Divides(int ranks, int product, string words)
    {
        if (product > ranks || ranks % product != 0)
            throw new UserError($"{ranks} ranks cannot be divided by {words} = {product}; choose degrees whose product divides the number of GPUs.");
    }
}
