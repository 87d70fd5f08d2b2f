using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>The parts of a search space that is divided: by the gene <see cref="Gene"/>, whose choices name them. Each has weights and training steps of its own.</summary>
public static class SubSpaces
{
    /// <summary>The gene that says which sub-space an architecture is of.</summary>
    public const string Gene = "part";

    /// <summary>Sub-spaces of a space; 1 where it is not divided.</summary>
    public static int Count(SearchSpace space) => space.Groups.FirstOrDefault(group => group.Name == Gene)?.Choices.Count ?? 1;

    /// <summary>The number of an architecture's sub-space; 0 where there is one.</summary>
    public static int Of(Architecture architecture) => Count(architecture.Space) == 1 ? 0 : architecture.Genes[architecture.Space.Find(Gene).First];

    /// <summary>The architecture of those genes in a sub-space.</summary>
    public static Architecture In(SearchSpace space, int part, int[] genes)
    {
        if (Count(space) > 1)
            genes[space.Find(Gene).First] = part;
        return space.Of(genes);
    }

    /// <summary>The last choice of every gene, in a sub-space.</summary>
    public static Architecture Largest(SearchSpace space, int part) => In(space, part, [.. space.Choices.Select(choices => choices - 1)]);

    /// <summary>The first choice of every gene, in a sub-space.</summary>
    public static Architecture Smallest(SearchSpace space, int part) => In(space, part, new int[space.Length]);

    /// <summary>The largest and the smallest architecture of each sub-space, in order.</summary>
    public static IEnumerable<Architecture> Ends(SearchSpace space) => Enumerable.Range(0, Count(space)).SelectMany(part => new[] { Largest(space, part), Smallest(space, part) });
}
