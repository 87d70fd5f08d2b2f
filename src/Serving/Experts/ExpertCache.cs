namespace OnnxMoe.Serving.Experts;

/// <summary>
/// Which experts are in fast memory. It has a number of slots, each for one expert (of one layer, or of all layers where one decision holds for
/// all), shared by all requests. It keeps the books and moves no weights.
/// </summary>
public sealed class ExpertCache
{
    private readonly CachedExpert?[] _slots;
    private readonly EvictionPolicy _policy;
    private long _time;

    /// <param name="capacity">Number of slots, at least 1.</param>
    /// <param name="policy">Chooses what goes when a slot is needed.</param>
    public ExpertCache(int capacity, EvictionPolicy policy)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        (_slots, _policy) = (new CachedExpert?[capacity], policy);
    }

    public int Capacity => _slots.Length;

    /// <summary>Name of the policy.</summary>
    public string Policy => _policy.Name;

    /// <summary>Uses that found their expert.</summary>
    public long Hits { get; private set; }

    /// <summary>Uses that had to load it.</summary>
    public long Misses { get; private set; }

    /// <summary>Experts that had to go for another one.</summary>
    public long Evictions { get; private set; }

    /// <summary>Uses an expert, and loads it first when it is not there.</summary>
    /// <param name="expert">The expert.</param>
    /// <param name="upcoming">The uses that will follow, as far as they are known.</param>
    /// <returns>True when it was there.</returns>
    public bool Use(int expert, ReadOnlySpan<int> upcoming)
    {
        _time++;
        var slot = Array.FindIndex(_slots, cached => cached?.Expert == expert);
        if (slot >= 0)
        {
            Hits++;
            _slots[slot] = _slots[slot]! with { LastUse = _time, Uses = _slots[slot]!.Uses + 1 };
            return true;
        }
        Misses++;
        slot = Array.IndexOf(_slots, null);
        if (slot < 0)
        {
            Evictions++;
            slot = _policy.Victim(_slots!, upcoming);
        }
        _slots[slot] = new CachedExpert(expert, _time, 1);
        return false;
    }
}
