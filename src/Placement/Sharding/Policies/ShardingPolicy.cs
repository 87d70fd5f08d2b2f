using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding.Policies;

/// <summary>
/// Decides in each iteration who owns the experts and who holds copies. What it is given before the gate comes from past iterations only;
/// <see cref="AfterGate"/> alone sees the iteration's own counts, and what it decides is hidden by nothing.
/// </summary>
/// <param name="name">Short name in reports.</param>
/// <param name="meaning">What it does, in a sentence without a full stop.</param>
public abstract class ShardingPolicy(string name, string meaning)
{
    /// <summary>Short name in reports.</summary>
    public string Name { get; } = name;

    /// <summary>What it does.</summary>
    public string Meaning { get; } = meaning;

    /// <summary>How many past iterations the load estimate is the mean of.</summary>
    public int Window { get; init; } = 5;

    /// <summary>Whether copies are dropped after a layer's forward and made again before its backward.</summary>
    public virtual bool Rematerializes => false;

    /// <summary>The owners of an iteration; the same object where a layer's stay as they were.</summary>
    /// <param name="iteration">Its number, from 0.</param>
    /// <param name="owners">Those of the iteration before [L].</param>
    /// <param name="estimate">Mean tokens of each expert in past iterations [L][E].</param>
    public virtual IReadOnlyList<PlacedLayer> Owners(int iteration, IReadOnlyList<PlacedLayer> owners, IReadOnlyList<double[]> estimate) => owners;

    /// <summary>The copies that travel while attention computes.</summary>
    /// <param name="owned">The layer's owners.</param>
    /// <param name="estimate">Mean tokens of each expert in past iterations [E]; null in the first one.</param>
    public virtual PlacedLayer Materialize(PlacedLayer owned, double[]? estimate) => owned;

    /// <summary>The copies after the gate, those of <paramref name="planned"/> among them.</summary>
    /// <param name="owned">The layer's owners.</param>
    /// <param name="planned">With the copies made before the gate.</param>
    /// <param name="counts">Tokens of each expert in this iteration [E].</param>
    public virtual PlacedLayer AfterGate(PlacedLayer owned, PlacedLayer planned, IReadOnlyList<double> counts) => planned;
}
