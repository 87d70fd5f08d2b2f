using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Serving.Experts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>
/// Plays what the router of <see cref="ReadMe"/> decided for validation text as requests to a server: windows in random order, the first half a
/// prompt and the rest generated, twice as many at a time as are served.
/// </summary>
internal static class ReadMeServing
{
    /// <summary>Different experts of a batch, on average, by the batcher.</summary>
    public const string AwareExperts = "experts_aware", DecodeFirst = "experts_decode_first", PrefillFirst = "experts_prefill_first";

    /// <summary>Share of the tokens that have the expert of the token before.</summary>
    public const string Kept = "expert_kept";

    private const int Requests = 256;
    private const int ArrivalsABatch = 2;

    /// <summary>The hit rate of a cache of so many experts.</summary>
    public static string HitRate(string policy, int capacity) => $"hits_{policy}_{capacity}";

    public static void Measure(TinyRun run, Measurement result)
    {
        var windows = new List<int[]>();
        run.Evaluate(new EvaluationHooks { Observe = batch => windows.AddRange(((TorchValue)batch.Context.ExpertIds!).Integers.Select(id => (int)id).Chunk(run.Length)) });
        result[Kept] = windows.Average(window => window.Skip(1).Zip(window, (expert, before) => expert == before ? 1.0 : 0).Average());
        RecordedRequest[] requests = [.. Enumerable.Range(0, windows.Count).OrderBy(window => StatelessRandom.Next(run.Seed, window)).Take(Requests)
            .Select((window, place) => new RecordedRequest(place / ArrivalsABatch, windows[window][..(run.Length / 2)], windows[window][(run.Length / 2)..]))];

        var room = run.Length; // what one request needs in all
        ExpertCache[] caches = [.. from policy in new[] { "belady", "lru" } from capacity in new[] { 2, 3 } select new ExpertCache(capacity, EvictionPolicy.Of(policy))];
        var cost = new StepCost(1, 1, 0, 0); // times are not measured here
        var aware = PreGatedSimulation.Run(requests, new ExpertAwareBatcher(room, maxAge: Requests * run.Length), caches, cost); // the paper has no bound on the age
        result[AwareExperts] = aware.UniqueExperts;
        foreach (var cache in aware.Caches)
            result[HitRate(cache.Policy, cache.Capacity)] = cache.HitRate;
        result[DecodeFirst] = PreGatedSimulation.Run(requests, new FifoBatcher(room, promptsFirst: false), [], cost).UniqueExperts;
        result[PrefillFirst] = PreGatedSimulation.Run(requests, new FifoBatcher(room, promptsFirst: true), [], cost).UniqueExperts;
    }
}
