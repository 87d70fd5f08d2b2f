using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>Architectures at random, each gene uniformly (single-path one-shot; Guo et al. 2020, arXiv 1904.00420).</summary>
public sealed class UniformPaths(SearchSpace space, int count, long seed) : PathSampler
{
    public override IReadOnlyList<Architecture> Sample(int step) => Draw(space, step % SubSpaces.Count(space), count, seed, step);
}
