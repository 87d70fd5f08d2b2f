namespace OnnxMoe.Serving.Experts;

/// <summary>The expert with the fewest uses since it was loaded goes, of equal ones the least recently used.</summary>
public sealed class LfuPolicy : EvictionPolicy
{
    public override string Name => "lfu";

    public override int Victim(ReadOnlySpan<CachedExpert> slots, ReadOnlySpan<int> upcoming) => Smallest(slots, cached => cached.Uses);
}
