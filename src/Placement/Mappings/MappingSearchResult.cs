namespace OnnxMoe.Placement.Mappings;

/// <summary>What a search found.</summary>
/// <param name="job">What is trained.</param>
public sealed class MappingSearchResult(TrainingJob job)
{
    readonly List<StepEstimate> _fitting = [];

    /// <summary>What was trained.</summary>
    public TrainingJob Job => job;

    /// <summary>The mappings that fit into the GPUs' memory, the fastest first.</summary>
    public IReadOnlyList<StepEstimate> Fitting => _fitting;

    /// <summary>Mappings that divide the model, the batch and the GPUs.</summary>
    public int Tried { get; private set; }

    /// <summary>Mappings that divide the GPUs but not the layers, heads, tokens or the batch.</summary>
    public int Indivisible { get; private set; }

    /// <summary>Mappings that do not fit, by what of them is largest: weights, gradients and optimizer, or activations.</summary>
    public int TooMuchState { get; private set; }

    /// <inheritdoc cref="TooMuchState"/>
    public int TooManyActivations { get; private set; }

    /// <summary>The mapping that needs least memory.</summary>
    public (Mapping Mapping, MemoryEstimate Memory)? Smallest { get; private set; }

    /// <summary>Memory of a GPU, in bytes.</summary>
    public long Available => job.Cluster.Devices.Min(device => device.MemoryBytes);

    /// <summary>The fastest mapping; null when none fits.</summary>
    public StepEstimate? Best => _fitting.FirstOrDefault();

    /// <summary>The fastest of each pair of grids, the fastest first; grids with the same groups count once.</summary>
    public IEnumerable<StepEstimate> BestOfEachGrid => _fitting.DistinctBy(estimate => ($"{estimate.Mapping.Grid}", estimate.Mapping.Grid.Cp == 1 || estimate.Mapping.Grid.IsFolded));

    /// <summary>The fastest with expert numbering of its own.</summary>
    public StepEstimate? BestFolded => _fitting.FirstOrDefault(estimate => estimate.Mapping.Grid.IsFolded);

    /// <summary>The fastest with EP inside DP and ETP = TP.</summary>
    public StepEstimate? BestUnfolded => _fitting.FirstOrDefault(estimate => !estimate.Mapping.Grid.IsFolded);

    internal void CountIndivisible() => Indivisible++;

    internal void Add(Mapping mapping, StepTimeModel model)
    {
        Tried++;
        var memory = model.Memory.Of(mapping);
        if (Smallest is not { } smallest || memory.Total < smallest.Memory.Total)
            Smallest = (mapping, memory);
        if (memory.Total <= Available)
            _fitting.Add(model.Of(mapping));
        else if (memory.Total - memory.Activations > Available)
            TooMuchState++;
        else
            TooManyActivations++;
    }

    /// <summary>Fastest first; of equal ones that with less memory, then in the order of the degrees, so that the result is always the same.</summary>
    internal void Sort() => _fitting.Sort((a, b) =>
    {
        var byNumbers = (a.Seconds, a.Memory.Total, a.Mapping.Grid.IsFolded).CompareTo((b.Seconds, b.Memory.Total, b.Mapping.Grid.IsFolded));
        return byNumbers != 0 ? byNumbers : string.CompareOrdinal($"{a.Mapping}", $"{b.Mapping}");
    });
}
