namespace OnnxMoe.Placement.Costs;

/// <summary>What a plan does on a set of tokens. Measures that need a token trace are NaN for expert counts.</summary>
public sealed record PlanMeasures
{
    /// <summary>Load of the busiest GPU over the mean, averaged over the layers; 1 is perfect. On GPUs of unequal speed: its time over that of a perfect division.</summary>
    public required double MaxOverMean { get; init; }

    /// <summary>The same in the worst layer.</summary>
    public required double WorstMaxOverMean { get; init; }

    /// <summary>The paper's O1: sum over layers and GPUs of |load - mean|, in tokens.</summary>
    public required double Deviation { get; init; }

    /// <summary>Time of the busiest GPU, summed over the layers, in tokens on a GPU of mean speed.</summary>
    public required double Makespan { get; init; }

    /// <summary>Flow model: steps that leave the GPU, each at the price of its link, in tokens on the fastest link.</summary>
    public double FlowCost { get; init; } = double.NaN;

    /// <summary>Flow model, the paper's O2: the busiest pair of GPUs between neighbouring layers, summed over layers, in tokens on the fastest link.</summary>
    public double FlowBusiest { get; init; } = double.NaN;

    /// <summary>Flow model: share of the steps from layer to layer that leave the GPU.</summary>
    public double FlowRemote { get; init; } = double.NaN;

    /// <summary>Flow model: share of the steps from layer to layer that leave the node.</summary>
    public double FlowBetweenNodes { get; init; } = double.NaN;

    /// <summary>Home model: other GPUs that a token is sent to, a layer (each once, however many of its experts are there).</summary>
    public double HomeCopies { get; init; } = double.NaN;

    /// <summary>Home model: other nodes that a token is sent to, a layer.</summary>
    public double HomeNodeCopies { get; init; } = double.NaN;

    /// <summary>Home model: the busiest pair of GPUs, dispatch and combine, summed over layers, in tokens on the fastest link.</summary>
    public double HomeBusiest { get; init; } = double.NaN;

    /// <summary>Estimated seconds of expert work and flow traffic for all these tokens as one batch.</summary>
    public double FlowSeconds { get; init; } = double.NaN;

    /// <summary>Estimated seconds of expert work and home traffic for all these tokens as one batch.</summary>
    public double HomeSeconds { get; init; } = double.NaN;
}
