namespace OnnxMoe.Serving.Experts;

/// <summary>Any expert goes, each as likely as the others.</summary>
/// <param name="seed">The same seed makes the same choices.</param>
public sealed class RandomPolicy(int seed) : EvictionPolicy
{
    private readonly Random _random = new(seed);

    public override string Name => "random";

    public override int Victim(ReadOnlySpan<CachedExpert> slots, ReadOnlySpan<int> upcoming) => _random.Next(slots.Length);
}
