namespace OnnxMoe.Serving.Experts;

/// <summary>The least recently used expert goes.</summary>
public sealed class LruPolicy : EvictionPolicy
{
    public override string Name => "lru";

    public override int Victim(ReadOnlySpan<CachedExpert> slots, ReadOnlySpan<int> upcoming) => Smallest(slots, cached => cached.LastUse);
}
