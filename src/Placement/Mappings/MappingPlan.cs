using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Mappings;

/// <summary>The file mapping.json: the chosen mapping with the groups of its ranks, and what is predicted of it.</summary>
/// <param name="Format">Version of the file.</param>
/// <param name="Model">Name of the model shape.</param>
/// <param name="Cluster">Name of the cluster.</param>
/// <param name="Gpus">GPUs; rank r is GPU r.</param>
/// <param name="Sequence">Tokens of a sequence.</param>
/// <param name="Batch">Sequences of a step.</param>
/// <param name="CapacityFactor">0: no token is dropped.</param>
/// <param name="Order">The axes, fastest first.</param>
/// <param name="Best">The fastest mapping.</param>
/// <param name="Attention">Groups of ranks by axis of the dense part.</param>
/// <param name="Experts">Groups of ranks by axis of the experts.</param>
public sealed record MappingPlan(
    int Format, string Model, string Cluster, int Gpus, int Sequence, int Batch, double CapacityFactor, string Order, MappingPlan.Entry Best,
    SortedDictionary<string, IReadOnlyList<IReadOnlyList<int>>> Attention, SortedDictionary<string, IReadOnlyList<IReadOnlyList<int>>> Experts)
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "mapping.json";

    /// <summary>The fastest mapping with EP inside DP; null when none fits.</summary>
    public Entry? BestUnfolded { get; init; }

    /// <summary>The listed mappings, the fastest first.</summary>
    public IReadOnlyList<Entry> Listed { get; init; } = [];

    /// <summary>The plan of a search.</summary>
    /// <param name="result">Has a best mapping.</param>
    /// <param name="listed">What is listed.</param>
    public static MappingPlan Of(MappingSearchResult result, IReadOnlyList<StepEstimate> listed)
    {
        var (job, grid) = (result.Job, result.Best!.Mapping.Grid);
        SortedDictionary<string, IReadOnlyList<IReadOnlyList<int>>> Groups(params (string Name, IReadOnlyList<IReadOnlyList<int>> Groups)[] axes) =>
            new(axes.ToDictionary(axis => axis.Name, axis => axis.Groups), StringComparer.Ordinal);
        return new MappingPlan(1, job.Model.Name, job.Cluster.Name, job.Gpus, job.Sequence, job.Batch, job.CapacityFactor, grid.Order, Entry.Of(result.Best),
            Groups(("tp", grid.AttentionGroups(GridAxis.Tp)), ("cp", grid.AttentionGroups(GridAxis.Cp)), ("dp", grid.AttentionGroups(GridAxis.Dp)), ("pp", grid.AttentionGroups(GridAxis.Pp))),
            Groups(("etp", grid.ExpertGroups(GridAxis.Tp)), ("ep", grid.ExpertGroups(GridAxis.Ep)), ("edp", grid.ExpertGroups(GridAxis.Dp)), ("pp", grid.ExpertGroups(GridAxis.Pp))))
        {
            BestUnfolded = result.BestUnfolded is { } unfolded ? Entry.Of(unfolded) : null,
            Listed = [.. listed.Select(Entry.Of)],
        };
    }

    /// <summary>Writes the file.</summary>
    public void Save(string path) => AtomicFile.WriteJson(path, this);

    /// <summary>A mapping with its predictions.</summary>
    /// <param name="Folded">Whether the experts' ranks are numbered by themselves.</param>
    /// <param name="Tp">Tensor parallelism.</param>
    /// <param name="Cp">Context parallelism.</param>
    /// <param name="Dp">Data parallelism.</param>
    /// <param name="Pp">Pipeline stages.</param>
    /// <param name="Etp">Tensor parallelism of the experts.</param>
    /// <param name="Ep">Expert parallelism.</param>
    /// <param name="Edp">Copies of each expert.</param>
    /// <param name="MicroBatch">Sequences of a micro batch.</param>
    /// <param name="VirtualStages">Pieces a stage.</param>
    /// <param name="Recompute">Whether activations are computed again.</param>
    /// <param name="StepSeconds">Predicted seconds of a step.</param>
    /// <param name="Mfu">Predicted share of the peak.</param>
    /// <param name="MemoryBytes">Predicted memory of the fullest GPU.</param>
    public sealed record Entry(
        bool Folded, int Tp, int Cp, int Dp, int Pp, int Etp, int Ep, int Edp, int MicroBatch, int VirtualStages, bool Recompute, double StepSeconds, double Mfu, long MemoryBytes)
    {
        internal static Entry Of(StepEstimate estimate)
        {
            var (mapping, grid) = (estimate.Mapping, estimate.Mapping.Grid);
            return new(grid.IsFolded, grid.Tp, grid.Cp, grid.Dp, grid.Pp, grid.Etp, grid.Ep, grid.Edp, mapping.MicroBatch, mapping.VirtualStages, mapping.Recompute,
                estimate.Seconds, estimate.Mfu, (long)estimate.Memory.Total);
        }
    }
}
