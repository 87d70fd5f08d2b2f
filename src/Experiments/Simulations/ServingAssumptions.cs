namespace OnnxMoe.Experiments.Simulations;

/// <summary>What the model of serving latency rests on besides the data sheets of the A100 and its nodes; round numbers, fitted to nothing.</summary>
public sealed record ServingAssumptions
{
    /// <summary>Share of the memory bandwidth that reading weights reaches.</summary>
    public double MemoryShare { get; init; } = 0.8;

    /// <summary>Share of the links' bandwidths.</summary>
    public double LinkShare { get; init; } = 0.8;

    /// <summary>Factor on the latencies of the links (5 us within a node, 10 us between nodes).</summary>
    public double LatencyFactor { get; init; } = 1;

    /// <summary>Seconds from one kernel to the next one when little is computed.</summary>
    public double Launch { get; init; } = 8e-6;

    /// <summary>Kernels of a dense layer in PyTorch's eager mode: norms, products, biases, reshapes, softmax, activation, sums.</summary>
    public double EagerKernels { get; init; } = 30;

    /// <summary>Kernels of a dense layer with fused ones.</summary>
    public double FusedKernels { get; init; } = 8;

    /// <summary>Kernels of gate, dispatch and combination by one-hot masks and einsums.</summary>
    public double MaskKernels { get; init; } = 30;

    /// <summary>The same by a fused gate and a table from tokens to experts.</summary>
    public double TableKernels { get; init; } = 4;

    /// <summary>Sequences of each tensor-slicing group, of which a step makes one token each.</summary>
    public double Sequences { get; init; } = 8;

    /// <summary>All multiplied by factors between 1 / spread and spread, evenly in their logarithms.</summary>
    /// <param name="seed">Of the draws.</param>
    /// <param name="spread">Above 1.</param>
    public ServingAssumptions Drawn(long seed, double spread = 1.5)
    {
        var random = new Random((int)(seed % int.MaxValue));
        double Factor(double by) => Math.Pow(by, (2 * random.NextDouble()) - 1);
        return new ServingAssumptions
        {
            MemoryShare = Math.Min(1, MemoryShare * Factor(1.25)),
            LinkShare = Math.Min(1, LinkShare * Factor(1.25)),
            LatencyFactor = Factor(spread),
            Launch = Launch * Factor(spread),
            EagerKernels = EagerKernels * Factor(spread),
            FusedKernels = FusedKernels * Factor(spread),
            MaskKernels = MaskKernels * Factor(spread),
            TableKernels = TableKernels * Factor(spread),
            Sequences = Math.Round(Sequences * Factor(2)),
        };
    }
}
