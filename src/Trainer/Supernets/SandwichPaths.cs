using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>The largest architecture, the smallest, and some at random (Yu and Huang 2019, arXiv 1903.05134).</summary>
public sealed class SandwichPaths(SearchSpace space, int random, long seed) : PathSampler
{
    public override IReadOnlyList<Architecture> Sample(int step) => [space.Largest, space.Smallest, .. Draw(space, random, seed, step)];
}
