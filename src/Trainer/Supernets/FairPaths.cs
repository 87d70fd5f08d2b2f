using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>As many architectures as a gene has choices, in which every choice of every gene comes once (Chu et al. 2021, FairNAS, arXiv 1907.01845).</summary>
public sealed class FairPaths : PathSampler
{
    private const long Purpose = 26_003;

    private readonly SearchSpace _space;
    private readonly long _seed;

    /// <exception cref="UserError">Genes have different numbers of choices.</exception>
    public FairPaths(SearchSpace space, long seed)
    {
        (_space, _seed) = (space, seed);
        if (space.Choices.Distinct().Count() > 1)
            throw new UserError($"Supernet:Paths is fair, but the genes of the search space '{space.Name}' have {string.Join(", ", space.Choices.Distinct())} choices; all must have as many.");
    }

    public override IReadOnlyList<Architecture> Sample(int step)
    {
        int[][] orders = [.. _space.Choices.Select((choices, gene) => Enumerable.Range(0, choices).OrderBy(choice => StatelessRandom.Next(_seed, Purpose, step, gene, choice)).ToArray())];
        return [.. Enumerable.Range(0, _space.Choices[0]).Select(path => _space.Of([.. orders.Select(order => order[path])]))];
    }
}
