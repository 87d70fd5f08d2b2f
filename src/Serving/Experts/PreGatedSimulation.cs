namespace OnnxMoe.Serving.Experts;

/// <summary>
/// Plays recorded requests again through a batcher, and books what caches of several kinds and sizes would do and how long the steps would take
/// on hardware that is not here. Nothing sees more of the future than a server would: a prompt is known from its arrival on, a
/// generated token once the one before it is computed.
/// </summary>
public static class PreGatedSimulation
{
    /// <summary>Runs until all requests are answered.</summary>
    /// <param name="requests">What arrives, and when.</param>
    /// <param name="batcher">Forms the batches; empty so far.</param>
    /// <param name="caches">The caches to compare; the batches do not depend on them.</param>
    /// <param name="cost">Sizes and speeds.</param>
    public static SimulationOutcome Run(IReadOnlyList<RecordedRequest> requests, Batcher batcher, IReadOnlyList<ExpertCache> caches, StepCost cost)
    {
        var arrivals = new Queue<int>(Enumerable.Range(0, requests.Count).OrderBy(i => requests[i].Arrival));
        var latencies = new int[requests.Count];
        var batches = new List<IReadOnlyList<GatedEntry>>();
        var seconds = new (double OnDemand, double Prefetch)[caches.Count];
        var prefetcher = new Prefetcher(cost);
        for (var clock = 0; arrivals.Count > 0 || batcher.Waiting > 0; clock++)
        {
            while (arrivals.TryPeek(out var next) && requests[next].Arrival <= clock)
                batcher.Add(new GatedEntry(arrivals.Dequeue(), 0, requests[next].Prompt));
            var batch = batcher.Next();
            if (batch.Count == 0)
            {
                clock = requests[arrivals.Peek()].Arrival - 1; // nothing is there until then
                continue;
            }
            batches.Add(batch);
            var misses = Use(caches, batch, batcher.Upcoming());
            for (var i = 0; i < caches.Count; i++)
            {
                seconds[i].OnDemand += prefetcher.Seconds(batch.Sum(entry => entry.Tokens), misses[i], ahead: false);
                seconds[i].Prefetch += prefetcher.Seconds(batch.Sum(entry => entry.Tokens), misses[i], ahead: true);
            }
            foreach (var entry in batch)
                GoOn(entry, requests[(int)entry.Sequence], clock);
        }
        return new(batches, latencies, [.. caches.Zip(seconds, (cache, time) =>
            new CacheOutcome(cache.Policy, cache.Capacity, cache.Hits, cache.Misses, time.OnDemand, time.Prefetch))]);

        void GoOn(GatedEntry entry, RecordedRequest request, int clock)
        {
            var done = entry.Position + entry.Tokens;
            if (done < request.Prompt.Count + request.Generated.Count)
            {
                batcher.Add(new GatedEntry(entry.Sequence, done, [request.Generated[done - request.Prompt.Count]]));
                return;
            }
            batcher.Forget(entry.Sequence);
            latencies[entry.Sequence] = clock + 1 - request.Arrival;
        }
    }

    /// <summary>The experts of a batch in the order in which it needs them, each once.</summary>
    public static IEnumerable<int> ExpertsOf(IReadOnlyList<GatedEntry> batch) => batch.SelectMany(entry => entry.Experts).Distinct();

    /// <summary>Uses the experts of a batch in all caches.</summary>
    /// <param name="upcoming">What is queued, as it would follow.</param>
    /// <returns>The misses of each cache.</returns>
    internal static int[] Use(IReadOnlyList<ExpertCache> caches, IReadOnlyList<GatedEntry> batch, IReadOnlyList<IReadOnlyList<GatedEntry>> upcoming)
    {
        int[] now = [.. ExpertsOf(batch)];
        int[] known = [.. now, .. upcoming.SelectMany(ExpertsOf)];
        var misses = new int[caches.Count];
        for (var c = 0; c < caches.Count; c++)
            for (var i = 0; i < now.Length; i++)
                misses[c] += caches[c].Use(now[i], known.AsSpan(i + 1)) ? 0 : 1;
        return misses;
    }
}
