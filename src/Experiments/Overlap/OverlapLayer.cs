using System.Globalization;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Experiments.Simulations;
using OnnxMoe.Placement.Simulation;

namespace OnnxMoe.Experiments.Overlap;

/// <summary>One routed layer of a model on 8 simulated GPUs: without overlap, in 2 and 4 chunks, and as Comet does with its best division of the blocks.</summary>
/// <param name="Machine">Name of the cluster in models/clusters.</param>
/// <param name="Model">The layer.</param>
/// <param name="Tokens">M, over all GPUs.</param>
/// <param name="Slices">Degree of tensor parallelism; the others are expert-parallel.</param>
/// <param name="Deviation">Standard deviation of the experts' shares.</param>
public sealed record OverlapLayer(string Machine, SimulatedModel Model, int Tokens, int Slices, double Deviation)
{
    /// <summary>GPUs of a machine.</summary>
    public const int Gpus = 8;

    /// <summary>Standard deviation of the shares that the paper measured in production, taken to be that of 8 experts.</summary>
    public const double Usual = 0.032;

    /// <summary>Milliseconds of the layer, by policy: none, chunked(2), chunked(4), comet.</summary>
    public const string None = "none", Chunked2 = "chunked(2)", Chunked4 = "chunked(4)", Comet = "comet";

    /// <summary>Share of the communication that two chunks, four chunks and Comet hide.</summary>
    public const string Hidden2 = "hidden_2", Hidden4 = "hidden_4", HiddenComet = "hidden_comet";

    /// <summary>Comet's best division: blocks that communicate in either half, columns of a block.</summary>
    public const string DispatchBlocks = "dispatch_blocks", CombineBlocks = "combine_blocks", Columns = "column_block";

    /// <summary>Share of the overlap of the first half that is lost when rows are not sorted by source.</summary>
    public const string Unsorted = "unsorted_loss";

    /// <summary>Seconds of the fastest policy but Comet over Comet's.</summary>
    public const string SpeedUp = "speed_up";

    /// <summary>Seconds without overlap over Comet's.</summary>
    public const string SpeedUpNone = "speed_up_none";

    /// <summary>The same spread for a model, in proportion to its mean share.</summary>
    public static double UsualOf(SimulatedModel model) => Usual * 8 / model.Experts;

    /// <summary>The arm that simulates it.</summary>
    public ComputedArm Arm => new(
        string.Create(CultureInfo.InvariantCulture, $"{Machine} {Model.Name}, {Tokens}{(Slices > 1 ? $", TP {Slices}" : "")}{(Deviation == UsualOf(Model) ? "" : $", std {Deviation}")}"),
        string.Create(CultureInfo.InvariantCulture, $"{Model.Experts} experts of {Model.Hidden} x {Model.Width}, {Model.ExpertsPerToken} a token, {Tokens} tokens, TP {Slices} x EP {Gpus / Slices}, standard deviation of shares {Deviation}"),
        Measure);

    private void Measure(long seed, Measurement result)
    {
        var cluster = Machines.Cluster(Machine, 1);
        var rows = RankRows.Of(Plan(), SharedRouting.Draw(Tokens, Model.Experts, Model.ExpertsPerToken, Deviation, (int)seed), Model.ExpertsPerToken,
            RankRows.EqualShards(Tokens, Gpus), mergeCopies: true, Slices);
        var shape = new ExpertShape(Model.Hidden, Model.Width, Gated: true).Slice(Slices);
        RankSimulator[] Simulators(bool sorted) => [.. rows.Select(r => new RankSimulator(cluster, shape, TileSize.Usual, r) { SortRows = sorted })];
        var gpus = Simulators(sorted: true);
        var split = SplitSweep.Of(gpus, cluster.Devices[0], Model.Hidden, TileSize.Usual).Best;
        var (none, two, four) = (LayerTimes.Of(gpus, OverlapPolicy.None), LayerTimes.Of(gpus, OverlapPolicy.Chunked(2)), LayerTimes.Of(gpus, OverlapPolicy.Chunked(4)));
        var comet = LayerTimes.Of(gpus, OverlapPolicy.Comet, split);
        (result[None], result[Chunked2], result[Chunked4], result[Comet]) = (1e3 * none.Seconds, 1e3 * two.Seconds, 1e3 * four.Seconds, 1e3 * comet.Seconds);
        (result[Hidden2], result[Hidden4], result[HiddenComet]) = (two.Hidden(none), four.Hidden(none), comet.Hidden(none));
        (result[DispatchBlocks], result[CombineBlocks], result[Columns]) = (split.DispatchBlocks, split.CombineBlocks, split.ColumnBlock);
        double FirstOverlap(bool sorted) => Simulators(sorted).Sum(gpu => gpu.Dispatch(split.DispatchBlocks).Overlap);
        result[Unsorted] = 1 - (FirstOverlap(sorted: false) / FirstOverlap(sorted: true));
        result[SpeedUp] = Math.Min(none.Seconds, Math.Min(two.Seconds, four.Seconds)) / comet.Seconds;
        result[SpeedUpNone] = none.Seconds / comet.Seconds;
    }

    private PlacedLayer Plan()
    {
        var groups = Gpus / Slices;
        return new PlacedLayer(0, Model.Experts, [.. Enumerable.Range(0, groups).Select(g => Enumerable.Range(0, Model.Experts).Where(e => e * groups / Model.Experts == g).ToArray())]);
    }
}
