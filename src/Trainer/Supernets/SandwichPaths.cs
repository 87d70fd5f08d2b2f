using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// The largest architecture, the smallest, and some others at random (Yu and Huang 2019, arXiv 1903.05134); of a space of several sub-spaces, those of one,
/// step by step in turn.
/// </summary>
public sealed class SandwichPaths(SearchSpace space, int random, long seed) : PathSampler
{
    public override IReadOnlyList<Architecture> Sample(int step)
    {
        var part = step % SubSpaces.Count(space);
        Architecture[] ends = [SubSpaces.Largest(space, part), SubSpaces.Smallest(space, part)];
        return [.. ends, .. Draw(space, part, random, seed, step, ends)];
    }
}
