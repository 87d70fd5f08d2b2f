namespace OnnxMoe.Serving.Experts;

/// <summary>
/// The expert whose next use is farthest goes (Belady 1966), as far as the future is known: one that no known use needs counts as needed never,
/// and of several such the least recently used goes. With the whole future known no policy has fewer misses.
/// </summary>
public sealed class BeladyPolicy : EvictionPolicy
{
    public override string Name => "belady";

    public override bool NeedsFuture => true;

    public override int Victim(ReadOnlySpan<CachedExpert> slots, ReadOnlySpan<int> upcoming)
    {
        var nextUse = new Dictionary<int, long>();
        for (var i = 0; i < upcoming.Length; i++)
            nextUse.TryAdd(upcoming[i], i);
        return Smallest(slots, cached => -nextUse.GetValueOrDefault(cached.Expert, long.MaxValue));
    }
}
