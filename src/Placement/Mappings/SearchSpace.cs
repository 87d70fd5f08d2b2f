namespace OnnxMoe.Placement.Mappings;

/// <summary>What of the mapping the user has fixed; 0 leaves a degree free.</summary>
public sealed record SearchSpace
{
    /// <summary>Tensor parallelism.</summary>
    public int Tp { get; init; }

    /// <summary>Context parallelism.</summary>
    public int Cp { get; init; }

    /// <summary>Pipeline stages.</summary>
    public int Pp { get; init; }

    /// <summary>Expert parallelism.</summary>
    public int Ep { get; init; }

    /// <summary>Tensor parallelism of the experts.</summary>
    public int Etp { get; init; }

    /// <summary>Sequences of a micro batch.</summary>
    public int MicroBatch { get; init; }

    /// <summary>Pieces a stage.</summary>
    public int VirtualStages { get; init; }

    /// <summary>Whether layers may be, or must be, computed a second time: never, always, or null for both.</summary>
    public bool? Recompute { get; init; }

    /// <summary>The axes, fastest first.</summary>
    public string Order { get; init; } = RankGrid.DefaultOrder;
}
