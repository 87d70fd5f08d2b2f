using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Mappings;

/// <summary>What is to be mapped: a model, the GPUs, and how it is trained.</summary>
/// <param name="Model">The model.</param>
/// <param name="Cluster">The GPUs, in nodes of equal size.</param>
/// <param name="Sequence">Tokens of a sequence.</param>
/// <param name="Batch">Sequences of a step, over all GPUs.</param>
public sealed record TrainingJob(ModelShape Model, Cluster Cluster, int Sequence, int Batch)
{
    /// <summary>The most GPUs that are searched.</summary>
    public const int MostGpus = 1024;

    /// <summary>Places of an expert over its even share of token copies; 0: tokens are never dropped.</summary>
    public double CapacityFactor { get; init; } = 1;

    /// <summary>Whether experts always compute all their places, taken or not.</summary>
    public bool PadToCapacity { get; init; }

    /// <summary>GPUs, W.</summary>
    public int Gpus => Cluster.Devices.Count;

    /// <summary>GPUs of a node.</summary>
    public int GpusPerNode => Gpus / Cluster.Nodes;

    /// <summary>Operations a second of a GPU, as its maker says.</summary>
    public double PeakFlops => Cluster.Devices[0].Flops;

    /// <summary>Token copies that an expert computes over its even share: with padding its capacity, otherwise the share itself, for a balanced router.</summary>
    public double ExpertLoad => PadToCapacity ? CapacityFactor : CapacityFactor > 0 ? Math.Min(1, CapacityFactor) : 1;

    /// <summary>Operations of a step that count as useful, over all GPUs: three forward passes.</summary>
    public double StepFlops => 3.0 * Model.ForwardFlops(Sequence) * Sequence * Batch;

    /// <summary>Throws when no mapping at all can be looked for.</summary>
    /// <exception cref="UserError">A mistake in the job or the cluster.</exception>
    public void Check()
    {
        if (CapacityFactor < 0 || !double.IsFinite(CapacityFactor))
            throw new UserError($"The capacity factor is {CapacityFactor}; it must be above 0, or 0 to drop no token.");
        if (PadToCapacity && CapacityFactor == 0)
            throw new UserError("Padding to capacity needs a capacity: give a capacity factor above 0.");
        if (Sequence < 1 || Batch < 1)
            throw new UserError($"A step of {Batch} sequences of {Sequence} tokens is empty; both must be at least 1.");
        if (Gpus > MostGpus)
            throw new UserError($"'{Cluster.Name}' has {Gpus} GPUs; mappings are searched for at most {MostGpus}.");
        if (Cluster.Devices.CountBy(device => device.Node).Select(node => node.Value).Distinct().Count() > 1)
            throw new UserError($"'{Cluster.Name}' has nodes of different numbers of GPUs; a mapping needs equal nodes.");
        if (Cluster.Devices.Any(device => device.Flops <= 0 || device.MemoryBytes <= 0))
            throw new UserError($"'{Cluster.Name}' does not say the teraflops and memoryGiB of all its GPUs; both are needed to predict a step.");
    }
}
