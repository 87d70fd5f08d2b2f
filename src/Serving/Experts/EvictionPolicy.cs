using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Experts;

/// <summary>Chooses which expert leaves a full <see cref="ExpertCache"/>.</summary>
public abstract class EvictionPolicy
{
    /// <summary>The name that settings give.</summary>
    public abstract string Name { get; }

    /// <summary>True for a policy that must know uses to come.</summary>
    public virtual bool NeedsFuture => false;

    /// <summary>The slot to empty.</summary>
    /// <param name="slots">All slots, none of them empty.</param>
    /// <param name="upcoming">The uses that will follow, in order, as far as they are known; unknown ones are not in it.</param>
    public abstract int Victim(ReadOnlySpan<CachedExpert> slots, ReadOnlySpan<int> upcoming);

    /// <summary>The policy of a name.</summary>
    /// <param name="name">lru, lfu, random or belady.</param>
    /// <param name="seed">For random.</param>
    /// <exception cref="UserError">Another name.</exception>
    public static EvictionPolicy Of(string name, int seed = 0) => name switch
    {
        "lru" => new LruPolicy(),
        "lfu" => new LfuPolicy(),
        "random" => new RandomPolicy(seed),
        "belady" => new BeladyPolicy(),
        _ => throw new UserError($"There is no eviction policy '{name}': lru, lfu, random or belady."),
    };

    /// <summary>The slot with the smallest key, of equal ones the least recently used.</summary>
    private protected static int Smallest(ReadOnlySpan<CachedExpert> slots, Func<CachedExpert, long> key)
    {
        var best = 0;
        for (var i = 1; i < slots.Length; i++)
        {
            var (mine, other) = (key(slots[i]), key(slots[best]));
            if (mine < other || mine == other && slots[i].LastUse < slots[best].LastUse)
                best = i;
        }
        return best;
    }
}
