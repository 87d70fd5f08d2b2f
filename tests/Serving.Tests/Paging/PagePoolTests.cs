using OnnxMoe.Serving.Paging;

namespace OnnxMoe.Serving.Tests.Paging;

public sealed class PagePoolTests
{
    private static PageKey Key(params int[] tokens) => new(null, 0, tokens);

    [Fact]
    public void NoPageIsEverGivenToTwoAndAllComeBack()
    {
        var random = new Random(11);
        var pool = new PagePool(20, 4);
        var taken = new List<int>();
        for (var i = 0; i < 5000; i++)
        {
            if (random.Next(2) == 0)
            {
                Assert.Equal(taken.Count < 20, pool.TryTake(out var page));
                if (taken.Count < 20)
                {
                    Assert.DoesNotContain(page, taken);
                    taken.Add(page);
                    if (random.Next(2) == 0)
                        pool.Publish(page, Key(i, random.Next(3)));
                }
            }
            else if (taken.Count > 0)
            {
                var place = random.Next(taken.Count);
                pool.Release(taken[place]);
                taken.RemoveAt(place);
            }
            Assert.Equal(20 - taken.Count, pool.Available);
        }
    }

    [Fact]
    public void APublishedPageIsSharedUntilAnotherNeedsItsPlace()
    {
        var pool = new PagePool(2, 4);
        Assert.True(pool.TryTake(out var first));
        pool.Publish(first, Key(1));
        var key = Key(1);
        Assert.True(pool.TryShare(ref key, out var shared));
        Assert.Equal(first, shared);
        pool.Release(first);
        Assert.Equal(1, pool.Available); // the other user still has it
        pool.Release(first);
        Assert.Equal((2, 1), (pool.Available, pool.Kept));

        Assert.True(pool.TryShare(ref key, out _)); // kept without a user
        pool.Release(first);
        Assert.True(pool.TryTake(out _));
        Assert.True(pool.TryTake(out _)); // needs its place
        Assert.False(pool.TryShare(ref key, out _));
        Assert.False(pool.TryTake(out _));
        Assert.Equal((3, 2), (pool.Queries, pool.Hits));
    }

    [Fact]
    public void TheOneUnusedForLongestIsGivenUpFirst()
    {
        var pool = new PagePool(3, 4);
        for (var i = 0; i < 3; i++)
        {
            Assert.True(pool.TryTake(out var page));
            pool.Publish(page, Key(i));
        }
        foreach (var page in new[] { 1, 0, 2 })
            pool.Release(page);
        var key = Key(1);
        Assert.True(pool.TryShare(ref key, out var used)); // now 0 is the oldest
        pool.Release(used);
        Assert.True(pool.TryTake(out _));
        var gone = Key(0);
        Assert.False(pool.TryShare(ref gone, out _));
        Assert.True(pool.TryShare(ref key, out _));
    }

    [Fact]
    public void KeysAreEqualWhenAllTokensUpToThemAre()
    {
        PageKey Chain(long salt, params int[] tokens) => tokens.Aggregate((PageKey?)null, (before, token) => new PageKey(before, salt, [token]))!;
        Assert.Equal(Chain(0, 1, 2, 3), Chain(0, 1, 2, 3));
        Assert.Equal(Chain(0, 1, 2, 3).GetHashCode(), Chain(0, 1, 2, 3).GetHashCode());
        Assert.NotEqual(Chain(0, 1, 2, 3), Chain(0, 7, 2, 3)); // another beginning
        Assert.NotEqual(Chain(0, 1, 2, 3), Chain(1, 1, 2, 3)); // other circumstances
        Assert.NotEqual(Chain(0, 1, 2, 3), Chain(0, 2, 3));
    }
}
