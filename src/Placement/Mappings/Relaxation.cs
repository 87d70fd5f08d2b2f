using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Mappings;

/// <summary>When nothing fits: which constraint to relax, and by how much. Each answer has been tried.</summary>
/// <param name="result">The search that found nothing.</param>
/// <param name="space">What was fixed in it.</param>
/// <param name="assumptions">Efficiency.</param>
/// <param name="withNodes">The same job on another number of nodes; null where the cluster cannot be had in other sizes.</param>
public sealed class Relaxation(MappingSearchResult result, SearchSpace space, CostAssumptions assumptions, Func<int, TrainingJob>? withNodes)
{
    /// <summary>The answers, as sentences.</summary>
    public IReadOnlyList<string> Sentences()
    {
        var (mapping, memory) = result.Smallest!.Value;
        var missing = memory.Total - result.Available;
        var sentences = new List<string>
        {
            $"The mapping that needs least memory ({mapping}) takes {Gib(memory.Total)} of a GPU that gives {Gib(result.Available)}: {Gib(missing)} more a GPU would do "
                + $"(weights {Gib(memory.Weights)}, gradients {Gib(memory.Gradients)}, optimizer {Gib(memory.Optimizer)}, activations {Gib(memory.Activations)}, runtime {Gib(memory.Runtime)}).",
        };
        if (space.Recompute == false && Fits(result.Job, space with { Recompute = null }) is { } again)
            sentences.Add($"With recomputation allowed, {again} fits.");
        var free = new SearchSpace { Order = space.Order, Recompute = space.Recompute };
        if (free != space && Fits(result.Job, free) is { } other)
            sentences.Add($"With no degree fixed, {other} fits.");
        if (MoreNodes() is { } nodes)
            sentences.Add(nodes);
        return sentences;
    }

    string? MoreNodes()
    {
        if (withNodes is null)
            return null;
        for (var nodes = 2 * result.Job.Cluster.Nodes; nodes * result.Job.GpusPerNode <= TrainingJob.MostGpus; nodes *= 2)
        {
            if (Fits(withNodes(nodes), space) is { } mapping)
                return $"On {nodes} nodes instead of {result.Job.Cluster.Nodes}, {mapping} fits.";
        }
        return null;
    }

    Mapping? Fits(TrainingJob job, SearchSpace wider)
    {
        try
        {
            return new MappingSearch(job, wider, assumptions).Run().Best?.Mapping;
        }
        catch (UserError)
        {
            return null; // the fixed degrees do not divide these GPUs
        }
    }

    static string Gib(double bytes) => Units.Bytes((long)bytes);
}
