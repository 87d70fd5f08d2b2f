namespace OnnxMoe.Placement.Programs;

/// <summary>
/// The memory equation: on GPUs of equal memory each holds as many experts of all layers together as the others, as far as that
/// divides; on others each may be filled.
/// </summary>
/// <param name="total">Experts of all layers, or units of memory that they take.</param>
/// <param name="capacity">Most that each GPU can hold [G].</param>
/// <param name="equal">Whether all GPUs have as much memory.</param>
public sealed class MemoryRule(long total, long[] capacity, bool equal)
{
    /// <summary>Most that each GPU can hold [G].</summary>
    public long[] Capacity => capacity;

    /// <summary>Fewest a GPU may hold (the mean, rounded down).</summary>
    public long Lowest { get; } = equal ? total / capacity.Length : 0;

    /// <summary>Most a GPU may hold (the mean, rounded up).</summary>
    public long Highest { get; } = equal ? (total + capacity.Length - 1) / capacity.Length : total;

    /// <summary>By how much the worst GPU misses the equation; 0 when it holds.</summary>
    public long Slack(long[] sums) => sums.Select((sum, g) => Miss(g, sum)).Max();

    /// <summary>By how much a GPU misses it when it holds <paramref name="sum"/>. Beyond its capacity a miss counts heavily.</summary>
    public long Miss(int gpu, long sum) => Math.Max(Math.Max(0, Math.Max(Lowest - sum, sum - Highest)), Math.Max(0, sum - capacity[gpu]) * 1_000_000);
}
