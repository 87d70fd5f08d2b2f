using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding;

/// <summary><c>sharding.json</c>: what was simulated, what it gave, and Hecate's plan for the iteration behind the recorded ones.</summary>
/// <param name="Format">Always <see cref="CurrentFormat"/>.</param>
/// <param name="Counts">Name of the file of counts.</param>
/// <param name="CountsHash">Its SHA-256.</param>
/// <param name="Cluster">Name of the cluster.</param>
/// <param name="Model">Sizes.</param>
/// <param name="Overlap">t.</param>
/// <param name="CopiesKept">m where copies stay from the forward to the backward.</param>
/// <param name="CopiesAgain">m where they are made again.</param>
/// <param name="Policies">Means over the iterations, simulated.</param>
/// <param name="Owners">The next iteration's owners.</param>
/// <param name="Placed">The same with copies.</param>
public sealed record ShardingFile(string Format, string Counts, string CountsHash, string Cluster, TrainingModel Model, int Overlap, int CopiesKept, int CopiesAgain,
    IReadOnlyList<PolicyFigures> Policies, IReadOnlyList<PlacedLayer> Owners, IReadOnlyList<PlacedLayer> Placed)
{
    /// <summary>The version of the format.</summary>
    public const string CurrentFormat = "onnxmoe-sharding/1";

    /// <summary>Name of the file.</summary>
    public const string FileName = "sharding.json";

    /// <summary>Distances from the best copies, where they were looked for.</summary>
    public IReadOnlyList<CopyGap> Gaps { get; init; } = [];
}
