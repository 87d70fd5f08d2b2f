using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Mappings;

/// <summary>
/// Numbers the ranks of a grid: sizes s_0, s_1, ... in the order of the axes, fastest first, strides d_i = s_0 ... s_(i-1), rank = sum of index_i d_i. The groups
/// of some axes are the sets of ranks that differ in those alone.
/// </summary>
public sealed class RankGrid
{
    /// <summary>Megatron Core's order.</summary>
    public const string DefaultOrder = "tp-cp-ep-dp-pp";

    readonly int[] _strides;
    readonly IReadOnlyDictionary<GridAxis, int> _sizes;

    /// <param name="order">The axes, fastest first; see <see cref="ParseOrder"/>.</param>
    /// <param name="sizes">Ranks along each axis; 1 where there is no entry.</param>
    public RankGrid(IReadOnlyList<GridAxis> order, IReadOnlyDictionary<GridAxis, int> sizes)
    {
        (Order, _sizes, _strides, Ranks) = (order, sizes, new int[order.Count], 1);
        for (var i = 0; i < order.Count; i++)
        {
            _strides[i] = Ranks;
            Ranks *= Size(order[i]);
        }
    }

    /// <summary>The axes, fastest first.</summary>
    public IReadOnlyList<GridAxis> Order { get; }

    /// <summary>All ranks.</summary>
    public int Ranks { get; }

    /// <summary>Ranks along an axis.</summary>
    public int Size(GridAxis axis) => _sizes.GetValueOrDefault(axis, 1);

    /// <summary>Where a rank lies along an axis.</summary>
    public int Index(int rank, GridAxis axis)
    {
        var i = Order.ToList().IndexOf(axis);
        return rank / _strides[i] % Size(axis);
    }

    /// <summary>The groups of some axes: a partition of the ranks; in a group the ranks are in the order of the axes, fastest first.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Groups(params IReadOnlyList<GridAxis> axes)
    {
        var (along, across) = (Places(axes.Contains), Places(axis => !axes.Contains(axis)));
        return [.. across.Select(first => (IReadOnlyList<int>)[.. along.Select(offset => first + offset)])];
    }

    /// <summary>Reads an order such as "tp-cp-ep-dp-pp".</summary>
    /// <exception cref="UserError">Not every axis is in it once.</exception>
    public static IReadOnlyList<GridAxis> ParseOrder(string order)
    {
        var words = order.Split('-');
        var axes = words.Select(word => Enum.TryParse<GridAxis>(word, ignoreCase: true, out var axis) && Enum.GetNames<GridAxis>().Contains(word, StringComparer.OrdinalIgnoreCase) ? axis : (GridAxis?)null).ToArray();
        return axes.Length == 5 && axes.All(axis => axis is not null) && axes.Distinct().Count() == 5 ? [.. axes.Select(axis => axis!.Value)]
            : throw new UserError($"The order '{order}' of the axes must name tp, cp, ep, dp and pp once each, fastest first, as in {DefaultOrder}.");
    }

    /// <summary>Ranks that are 0 along all axes that do not count.</summary>
    int[] Places(Func<GridAxis, bool> counts)
    {
        int[] places = [0];
        for (var i = 0; i < Order.Count; i++)
        {
            if (counts(Order[i]))
            {
                var stride = _strides[i];
                places = [.. Enumerable.Range(0, Size(Order[i])).SelectMany(index => places.Select(place => place + index * stride))];
            }
        }
        return places;
    }
}
