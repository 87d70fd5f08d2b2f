using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Simulation;

/// <summary>
/// Simulates one pass of a routed layer on one GPU: rows arrive, two grouped products, the sum over a token's experts here, rows go back. GPUs
/// do not wait for each other within a pass (all rows are ready at its start), so the pass ends when the slowest is done.
/// </summary>
/// <param name="cluster">The GPUs and links.</param>
/// <param name="shape">The experts, or this GPU's slices of them.</param>
/// <param name="tile">Size of the tiles.</param>
/// <param name="rows">The GPU's rows.</param>
/// <param name="slowdown">How many times slower than its description the GPU computes.</param>
public sealed class RankSimulator(Cluster cluster, ExpertShape shape, TileSize tile, RankRows rows, double slowdown = 1)
{
    readonly int[] _order = RankOrder.Of(rows.Rank, [.. cluster.Devices.Select(d => d.Node)]);
    readonly int[] _expertRows = rows.ExpertRows;
    IReadOnlyList<RowTile>? _schedule;
    readonly GroupedGemm _first = shape.First(tile), _second = shape.Second(tile);

    /// <summary>Order of the tiles of the first product under Comet.</summary>
    public TileOrder Order { get; init; } = TileOrder.Stage;

    /// <summary>Comet sorts the rows of an expert by source; without, sources are mixed (to see what it is worth).</summary>
    public bool SortRows { get; init; } = true;

    /// <summary>Comet cuts the second product by columns; by rows, no sum over a token's experts is final before the last expert is computed (to see what it is worth).</summary>
    public bool SplitColumns { get; init; } = true;

    Device Device => cluster.Devices[rows.Rank];

    /// <summary>Simulates the pass.</summary>
    /// <param name="policy">How it hides communication.</param>
    /// <param name="split">Comet's division of the blocks; not used by the others.</param>
    public RankTimes Run(OverlapPolicy policy, BlockSplit? split = null)
    {
        HalfTimes[] halves = policy.IsComet && rows.Ranks > 1
            ? [Dispatch((split ?? throw new ArgumentNullException(nameof(split))).DispatchBlocks), Combine(split)]
            : [Chunks(policy.Chunks)];
        return new RankTimes(halves.Sum(h => h.Seconds), Alone(), halves.Sum(h => h.Bytes)) { Halves = halves };
    }

    /// <summary>Comet's first half: rows arrive source by source, tiles run when theirs are there.</summary>
    public HalfTimes Dispatch(int blocks)
    {
        var timeline = new EventTimeline();
        var compute = timeline.AddResource("compute", Device.Blocks - blocks);
        var links = new RankLinks(timeline, cluster, rows.Rank, "in", blocks);
        var messages = Messages(timeline, links);
        var all = _first.Tiles(_expertRows);
        var rowTiles = _expertRows.Select(tile.OfRows).ToArray();
        _schedule ??= TileSchedule.Of(RowTile.Cut(rows.Rows, _order, tile.Rows, SortRows), Order);
        foreach (var work in _schedule)
        {
            var seconds = _first.TileSeconds(Device, slowdown, Device.Blocks - blocks, rowTiles[work.Expert], all);
            timeline.Add(compute, seconds, work.Parts.SelectMany(part => messages(work.Expert, part)), _first.ColumnTiles);
        }
        return Times(timeline, compute, Device.Blocks - blocks, links);
    }

    /// <summary>Comet's second half: a column block of all experts, then the next; what is computed is summed up and sent.</summary>
    public HalfTimes Combine(BlockSplit split)
    {
        var timeline = new EventTimeline();
        var blocks = Device.Blocks - split.CombineBlocks;
        var compute = timeline.AddResource("compute", blocks);
        var reduce = timeline.AddResource("reduce");
        var links = new RankLinks(timeline, cluster, rows.Rank, "out", split.CombineBlocks);
        var count = split.Blocks(shape.Hidden);
        var done = new List<int>[count];
        for (var b = 0; b < count; b++)
            done[b] = Second(timeline, compute, blocks, _expertRows, ColumnTiles(split, b));
        var everything = done.SelectMany(d => d).ToArray();
        for (var b = 0; b < count; b++)
        {
            var columns = Math.Min(split.ColumnBlock, shape.Hidden - (b * split.ColumnBlock));
            foreach (var peer in _order.Where(peer => rows.Returned[peer] > 0))
            {
                var read = (double)rows.Rows.Sum(r => r[peer]) * columns * shape.ElementBytes;
                var sum = timeline.Add(reduce, ReduceSeconds(read, split.CombineBlocks), SplitColumns ? done[b] : everything);
                if (peer != rows.Rank)
                    links.Add(peer, (long)rows.Returned[peer] * columns * shape.ElementBytes, [sum]);
            }
        }
        return Times(timeline, compute, blocks, links);
    }

    /// <summary>
    /// A pipeline of chunks: while one is computed, the next arrives and then the one before goes back. All transfers are calls on one communication
    /// stream, as in FasterMoE and Tutel, so they do not overlap each other.
    /// </summary>
    HalfTimes Chunks(int chunks)
    {
        var timeline = new EventTimeline();
        var compute = timeline.AddResource("compute", Device.Blocks);
        var links = new RankLinks(timeline, cluster, rows.Rank, "stream", 0, ResourceOrder.Ready);
        for (var c = 0; c < chunks; c++)
        {
            var part = rows.Part(c, chunks);
            var arrived = new List<int>();
            foreach (var peer in _order.Skip(1).Where(peer => part.Received.Any(r => r[peer] > 0)))
                arrived.Add(links.Add(peer, part.Received.Sum(r => (long)r[peer]) * shape.RowBytes));
            var first = Product(timeline, compute, _first, Device.Blocks, part.ExpertRows, _first.ColumnTiles, [timeline.Add(EventTimeline.NoResource, 0, arrived)]);
            var second = Second(timeline, compute, Device.Blocks, part.ExpertRows, _second.ColumnTiles, [timeline.Add(EventTimeline.NoResource, 0, first)]);
            var read = part.Rows.Sum(r => (double)r.Sum()) * shape.RowBytes;
            var sum = timeline.Add(compute, ReduceSeconds(read, Device.Blocks), second, Device.Blocks);
            foreach (var peer in _order.Skip(1).Where(peer => part.Returned[peer] > 0))
                links.Add(peer, part.Returned[peer] * shape.RowBytes, [sum]);
        }
        return Times(timeline, compute, Device.Blocks, links);
    }

    /// <summary>Both products with all blocks, without any communication.</summary>
    double Alone()
    {
        var timeline = new EventTimeline();
        var compute = timeline.AddResource("compute", Device.Blocks);
        var first = Product(timeline, compute, _first, Device.Blocks, _expertRows, _first.ColumnTiles, []);
        Second(timeline, compute, Device.Blocks, _expertRows, _second.ColumnTiles, [timeline.Add(EventTimeline.NoResource, 0, first)]);
        return timeline.Run().Makespan;
    }

    /// <summary>The messages of the first half, of at most a tile's rows each: source by source in the order of stages, within one expert by expert.</summary>
    /// <returns>Which messages rows first to last of a stage and expert come with.</returns>
    Func<int, (int Stage, int First, int Last), IEnumerable<int>> Messages(EventTimeline timeline, RankLinks links)
    {
        var numbers = new Dictionary<(int Expert, int Stage), List<int>>();
        var last = new int[_order.Length];
        for (var stage = 1; stage < _order.Length; stage++)
        {
            for (var expert = 0; expert < rows.Received.Count; expert++)
            {
                var list = numbers[(expert, stage)] = [];
                for (var left = rows.Received[expert][_order[stage]]; left > 0; left -= tile.Rows)
                    list.Add(last[stage] = links.Add(_order[stage], Math.Min(left, tile.Rows) * shape.RowBytes));
            }
        }
        return (expert, part) => part.Stage == 0 ? []
            // Rows that were sent for another expert of the same token may come with any message of that source.
            : rows.Received[expert][_order[part.Stage]] < rows.Rows[expert][_order[part.Stage]] ? [last[part.Stage]]
            : numbers[(expert, part.Stage)].Skip(part.First / tile.Rows).Take((part.Last / tile.Rows) - (part.First / tile.Rows) + 1);
    }

    List<int> Second(EventTimeline timeline, int compute, int blocks, int[] expertRows, int columnTiles, int[]? after = null) =>
        Product(timeline, compute, _second, blocks, expertRows, columnTiles, after ?? []);

    /// <summary>A product, or some columns of it, expert by expert.</summary>
    List<int> Product(EventTimeline timeline, int compute, GroupedGemm product, int blocks, int[] expertRows, int columnTiles, int[] after)
    {
        var (tasks, all) = (new List<int>(), product.Tiles(expertRows));
        foreach (var rowTiles in expertRows.Where(n => n > 0).Select(tile.OfRows))
            tasks.Add(timeline.Add(compute, product.TileSeconds(Device, slowdown, blocks, rowTiles, all), after, rowTiles * columnTiles));
        return tasks;
    }

    /// <summary>Tiles side by side in a column block.</summary>
    int ColumnTiles(BlockSplit split, int block) => tile.OfColumns(Math.Min(split.ColumnBlock, shape.Hidden - (block * split.ColumnBlock)));

    double ReduceSeconds(double bytes, int blocks) =>
        Device.MemoryBytesPerSecond == 0 ? 0 : bytes / (Device.MemoryBytesPerSecond * blocks / Device.Blocks) * slowdown;

    static HalfTimes Times(EventTimeline timeline, int compute, int blocks, RankLinks links)
    {
        var run = timeline.Run();
        return new HalfTimes(run.Makespan, run.Busy(compute) / blocks, links.Ports.Select(port => run.Busy(port) / run.Capacity(port)).DefaultIfEmpty(0).Max(),
            run.CriticalSeconds, run.SerialSeconds, links.Ports.Sum(port => run.Overlap(compute, port)), links.Bytes);
    }
}
