using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Experts;

namespace OnnxMoe.Serving.Tests.Experts;

public sealed class PreGatedSimulationTests
{
    private static readonly StepCost Cost = new(Layers: 4, ExpertBytes: 25_000_000, LayerSeconds: 1e-3, TokenSeconds: 1e-5);

    private static SimulationOutcome Run(IReadOnlyList<RecordedRequest> requests, Batcher batcher, params ExpertCache[] caches) =>
        PreGatedSimulation.Run(requests, batcher, caches, Cost);

    private static ExpertCache Cache(string policy, int slots) => new(slots, EvictionPolicy.Of(policy, seed: 3));

    /// <summary>Requests whose tokens mostly keep the expert of the token before, as pre-gated ones do.</summary>
    private static RecordedRequest[] Draw(int seed, int count, int experts, double keep = 0.7)
    {
        var random = new Random(seed);
        var arrival = 0;
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var expert = random.Next(experts);
            int Next() => expert = random.NextDouble() < keep ? expert : random.Next(experts);
            arrival += random.Next(2);
            return new RecordedRequest(arrival, [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => Next())], [.. Enumerable.Range(0, random.Next(0, 20)).Select(_ => Next())]);
        })];
    }

    [Fact]
    public void EveryRequestIsAnsweredAndEveryTokenServedOnce()
    {
        var requests = Draw(1, 60, 6);
        foreach (var batcher in new Batcher[] { new ExpertAwareBatcher(16, 8), new FifoBatcher(16, false), new FifoBatcher(16, true) })
        {
            var outcome = Run(requests, batcher, Cache("lru", 2));
            for (var i = 0; i < requests.Length; i++)
            {
                Assert.Equal(requests[i].Prompt.Concat(requests[i].Generated), outcome.Batches.SelectMany(batch => batch).Where(entry => entry.Sequence == i).SelectMany(entry => entry.Experts));
                Assert.InRange(outcome.Latencies[i], 1 + requests[i].Generated.Count, int.MaxValue);
            }
            Assert.Equal(outcome.Batches.Sum(batch => PreGatedSimulation.ExpertsOf(batch).Count()), outcome.Caches[0].Hits + outcome.Caches[0].Misses);
            Assert.Equal(0, batcher.Waiting);
        }
    }

    [Fact]
    public void OneRequestAloneIsWhatItSays()
    {
        var outcome = Run([new(7, [0, 0, 1], [1, 2])], new ExpertAwareBatcher(4, 4), Cache("lru", 2));
        Assert.Equal([3], outcome.Latencies); // the two idle ends do not count
        Assert.Equal(4 / 3.0, outcome.UniqueExperts);
        var cache = outcome.Caches[0];
        Assert.Equal(("lru", 2, 1L, 3L, 0.25), (cache.Policy, cache.Capacity, cache.Hits, cache.Misses, cache.HitRate));
        var prefetcher = new Prefetcher(Cost);
        Assert.Equal(prefetcher.Seconds(3, 2, false) + prefetcher.Seconds(1, 0, false) + prefetcher.Seconds(1, 1, false), cache.OnDemandSeconds, 1e-12);
        Assert.Equal(prefetcher.Seconds(3, 2, true) + prefetcher.Seconds(1, 0, true) + prefetcher.Seconds(1, 1, true), cache.PrefetchSeconds, 1e-12);
    }

    [Fact]
    public void ExpertAwareBatchesNeedFewerExpertsAndCachesDoBetter()
    {
        var requests = Draw(2, 200, 8);
        ExpertCache[] Caches() => [.. from policy in new[] { "belady", "lru" } from slots in new[] { 2, 3, 4 } select Cache(policy, slots)];
        var aware = Run(requests, new ExpertAwareBatcher(16, 16), Caches());
        foreach (var promptsFirst in new[] { false, true })
        {
            var fifo = Run(requests, new FifoBatcher(16, promptsFirst), Caches());
            Assert.True(aware.UniqueExperts < fifo.UniqueExperts, $"{aware.UniqueExperts} against {fifo.UniqueExperts}");
        }
        for (var i = 0; i < 3; i++)
            Assert.True(aware.Caches[i].HitRate > aware.Caches[i + 3].HitRate);
        Assert.All(aware.Caches, cache => Assert.True(cache.PrefetchSeconds < cache.OnDemandSeconds));
    }

    /// <summary>A policy that notes what it is shown of the future.</summary>
    private sealed class Watcher(Action<int[]> see) : EvictionPolicy
    {
        public override string Name => "watcher";

        public override int Victim(ReadOnlySpan<CachedExpert> slots, ReadOnlySpan<int> upcoming)
        {
            see(upcoming.ToArray());
            return 0;
        }
    }

    [Fact]
    public void NothingIsSeenBeforeItIsGated()
    {
        // Each token of each request has an expert of its own, so that an expert seen tells which token was.
        var random = new Random(4);
        var next = 0;
        var requests = Enumerable.Range(0, 30).Select(i => new RecordedRequest(i,
            [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => next++)], [.. Enumerable.Range(0, random.Next(0, 6)).Select(_ => next++)])).ToArray();
        var seen = new List<int[]>();
        var batches = new List<int>(); // of each look, the number of the batch
        foreach (var batcher in new Batcher[] { new ExpertAwareBatcher(4, 3), new FifoBatcher(4, true) })
        {
            seen.Clear();
            batches.Clear();
            var outcome = Run(requests, batcher, new ExpertCache(1, new Watcher(upcoming =>
            {
                batches.Add(batcher.Batches - 1);
                seen.Add(upcoming);
            })));
            Assert.True(outcome.Batches.Count > 30 && seen.Count > 30);
            var first = outcome.Batches.SelectMany((batch, number) => batch.SelectMany(entry => entry.Experts.Select(expert => (expert, number)))).ToDictionary(pair => pair.expert, pair => pair.number);
            foreach (var (upcoming, now) in seen.Zip(batches))
                foreach (var expert in upcoming)
                {
                    var request = requests.First(request => request.Prompt.Concat(request.Generated).Contains(expert));
                    var place = request.Generated.ToList().IndexOf(expert);
                    // A prompt is known when it has arrived, a generated token when the one before it is in an earlier batch.
                    if (place < 0)
                        Assert.True(request.Arrival <= now, $"expert {expert} of a prompt that arrives at {request.Arrival} was seen at {now}");
                    else
                        Assert.True(first[place == 0 ? request.Prompt[^1] : request.Generated[place - 1]] < now, $"expert {expert} was seen at {now}, before the token in front of it was computed");
                }
        }
    }

    [Theory]
    [InlineData(true, 4)]
    [InlineData(false, 6)]
    public void BeladyKnowsOnlyWhatIsQueued(bool allAtOnce, int misses)
    {
        int[] experts = [0, 1, 2, 0, 1, 2];
        var requests = experts.Select((expert, i) => new RecordedRequest(allAtOnce ? 0 : i, [expert], [])).ToArray();
        var outcome = Run(requests, new FifoBatcher(1, true), Cache("belady", 2), Cache("lru", 2));
        Assert.Equal([misses, 6L], outcome.Caches.Select(cache => cache.Misses));
    }

    [Fact]
    public void ATraceBecomesRequests()
    {
        var header = new RoutingTraceHeader([new TracedLayer(0, 4, 1)]);
        RoutingTraceFrame Frame(long request, RoutingPhase phase, params int[] ids) => new(request, phase, ids.Length, [ids], [new float[ids.Length]]);
        var trace = new RoutingTrace(header,
            [Frame(8, RoutingPhase.Prefill, 1, 2), Frame(9, RoutingPhase.Prefill, 3), Frame(8, RoutingPhase.Decode, 0), Frame(9, RoutingPhase.Decode, 3), Frame(8, RoutingPhase.Decode, 1)]);
        var requests = RecordedRequest.From(trace, place => 10 * place);
        Assert.Equal([0, 10], requests.Select(request => request.Arrival));
        Assert.Equal([[1, 2], [3]], requests.Select(request => request.Prompt));
        Assert.Equal([[0, 1], [3]], requests.Select(request => request.Generated));

        var other = new RoutingTrace(new RoutingTraceHeader([new TracedLayer(0, 4, 2)]), [Frame(1, RoutingPhase.Prefill, 1, 2)]);
        Assert.Contains("exactly one expert for each token", Assert.Throws<UserError>(() => RecordedRequest.From(other, _ => 0)).Message);
    }
}
