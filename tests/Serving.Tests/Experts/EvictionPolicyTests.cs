using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Experts;

namespace OnnxMoe.Serving.Tests.Experts;

public sealed class EvictionPolicyTests
{
    private static readonly string[] Others = ["lru", "lfu", "random"];

    /// <summary>The misses of a policy that knows the whole trace.</summary>
    private static long Misses(string policy, int slots, int[] trace, int seed = 0)
    {
        var cache = new ExpertCache(slots, EvictionPolicy.Of(policy, seed));
        for (var i = 0; i < trace.Length; i++)
            cache.Use(trace[i], trace.AsSpan(i + 1));
        Assert.Equal(trace.Length, cache.Hits + cache.Misses);
        Assert.Equal(Math.Max(0, cache.Misses - slots), cache.Evictions);
        return cache.Misses;
    }

    /// <summary>The fewest misses of any sequence of choices, found by trying all: the least for each set of cached experts.</summary>
    private static int Optimum(int slots, int[] trace)
    {
        var best = new Dictionary<int, int> { [0] = 0 }; // set of cached experts (bits) -> fewest misses
        foreach (var expert in trace)
        {
            var next = new Dictionary<int, int>();
            void Reach(int set, int misses) => next[set] = Math.Min(misses, next.GetValueOrDefault(set, int.MaxValue));
            foreach (var (set, misses) in best)
            {
                if ((set >> expert & 1) == 1)
                    Reach(set, misses);
                else if (int.PopCount(set) < slots)
                    Reach(set | 1 << expert, misses + 1);
                else
                    for (var victim = 0; victim < 32; victim++)
                        if ((set >> victim & 1) == 1)
                            Reach(set & ~(1 << victim) | 1 << expert, misses + 1);
            }
            best = next;
        }
        return best.Values.Min();
    }

    private static int[] Draw(Random random, int length, int experts) => [.. Enumerable.Range(0, length).Select(_ => random.Next(experts))];

    [Fact]
    public void BeladyIsTheOptimumOfAllShortTraces()
    {
        for (var length = 1; length <= 7; length++)
            for (var code = 0; code < 1 << 2 * length; code++)
            {
                int[] trace = [.. Enumerable.Range(0, length).Select(i => code >> 2 * i & 3)];
                Assert.Equal(Optimum(2, trace), Misses("belady", 2, trace));
            }
    }

    [Fact]
    public void BeladyIsTheOptimumOfTracesOfTwelve()
    {
        var random = new Random(12);
        for (var i = 0; i < 3000; i++)
        {
            var trace = Draw(random, 12, 4);
            Assert.Equal(Optimum(2, trace), Misses("belady", 2, trace));
        }
    }

    [Fact]
    public void BeladyMissesNoMoreThanTheOthersOnAnyTrace()
    {
        var random = new Random(5);
        var better = Others.ToDictionary(policy => policy, _ => 0L);
        for (var i = 0; i < 400; i++)
        {
            var experts = random.Next(2, 9);
            var trace = Draw(random, random.Next(1, 200), experts);
            var slots = random.Next(1, experts + 1);
            var belady = Misses("belady", slots, trace);
            foreach (var policy in Others)
            {
                var misses = Misses(policy, slots, trace, seed: i);
                Assert.True(belady <= misses, $"belady {belady}, {policy} {misses} with {slots} slots on {string.Join(",", trace)}");
                better[policy] += misses - belady;
            }
        }
        Assert.All(better.Values, difference => Assert.True(difference > 0));
    }

    [Fact]
    public void LruEvictsTheLeastRecentlyUsed()
    {
        // 3 replaces 2, since 1 was used after it; then 2 replaces 1.
        Assert.Equal(4, Misses("lru", 2, [1, 2, 1, 3, 2]));
        Assert.Equal(3, Misses("lru", 2, [1, 2, 1, 3, 1]));
    }

    [Fact]
    public void LfuEvictsTheLeastUsedAndOfEqualOnesTheLeastRecent()
    {
        Assert.Equal(4, Misses("lfu", 2, [1, 1, 2, 3, 1, 2])); // 1 stays: 3 replaces 2, then 2 replaces 3
        Assert.Equal(4, Misses("lfu", 2, [1, 2, 3, 2, 1])); // 3 replaces 1, the older of two used once; then 1 replaces 3
        Assert.Equal(3, Misses("lru", 2, [1, 1, 2, 2, 3, 2]));
    }

    [Fact]
    public void RandomMakesTheSameChoicesWithTheSameSeed()
    {
        var trace = Draw(new Random(1), 200, 8);
        Assert.Equal(Misses("random", 3, trace, seed: 1), Misses("random", 3, trace, seed: 1));
        Assert.True(Enumerable.Range(0, 10).Select(seed => Misses("random", 3, trace, seed)).Distinct().Count() > 1);
    }

    [Fact]
    public void WhatBeladyDoesNotKnowIsFarthestAndTheLeastRecentlyUsedOfThatGoes()
    {
        CachedExpert[] slots = [new(4, LastUse: 9, Uses: 1), new(5, LastUse: 7, Uses: 8), new(6, LastUse: 3, Uses: 1), new(7, LastUse: 8, Uses: 1)];
        var belady = new BeladyPolicy();
        Assert.Equal(1, belady.Victim(slots, [6, 6, 7])); // 4 and 5 are unknown, and 5 is older
        Assert.Equal(0, belady.Victim(slots, [5, 6, 7, 4])); // all are known
        Assert.Equal(2, belady.Victim(slots, [])); // nothing is known: the least recently used
    }

    [Fact]
    public void AnotherNameIsRefused() =>
        Assert.Contains("no eviction policy 'mru'", Assert.Throws<UserError>(() => EvictionPolicy.Of("mru")).Message);
}
