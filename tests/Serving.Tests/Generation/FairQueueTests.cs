using System.Threading.Channels;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Tests.Generation;

public sealed class FairQueueTests
{
    private static readonly ITokenizer Bytes = new ByteTokenizer();

    private static Sequence Of(string client, int number) => new(number, 0, new GenerationRequest([1], 1, new SamplingSettings()) { Client = client },
        Bytes, Channel.CreateUnbounded<GenerationEvent>().Writer, CancellationToken.None);

    [Fact]
    public void ClientsTakeTurnsAndEachKeepsItsOrder()
    {
        var queue = new FairQueue();
        foreach (var number in Enumerable.Range(0, 5))
            queue.Add(Of("busy", number));
        foreach (var number in Enumerable.Range(10, 2))
            queue.Add(Of("other", number));
        Assert.Equal([0, 10, 1, 11, 2, 3, 4], TakeAll(queue));
    }

    [Fact]
    public void ThoseThatHadASlotComeFirstAndOthersCanLeave()
    {
        var queue = new FairQueue();
        var (a, b, c, returned) = (Of("x", 1), Of("x", 2), Of("y", 3), Of("z", 4));
        queue.Add(a);
        queue.Add(b);
        queue.Add(c);
        queue.Return(returned);
        Assert.Equal(4, queue.Count);
        Assert.True(queue.Remove(a));
        Assert.False(queue.Remove(a));
        Assert.True(queue.Remove(c));
        Assert.Same(returned, queue.First);
        Assert.Equal([4, 2], TakeAll(queue));
        Assert.Null(queue.First);
        queue.Return(returned);
        Assert.True(queue.Remove(returned));
        Assert.Equal(0, queue.Count);
    }

    private static List<long> TakeAll(FairQueue queue)
    {
        var numbers = new List<long>();
        while (queue.First is { } sequence)
        {
            numbers.Add(sequence.Id);
            queue.TakeFirst();
        }
        return numbers;
    }
}
