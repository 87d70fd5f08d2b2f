using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Bench.Kernels;

/// <summary>
/// Times causal attention of 8 heads of 64 elements with a KV cache: PagedAttention with float and float16 caches, whose pages lie scattered,
/// and ONNX Runtime's GroupQueryAttention, whose cache is one contiguous tensor that it updates in place. One process, 2 threads without
/// spinning waits between the calls, taking turns, each call on the cache of another layer.
/// </summary>
internal static class AttentionBench
{
    private const int Threads = 2;

    /// <param name="seconds">For each row of the table.</param>
    /// <param name="statistic">median or best, or cpu: the processor time of all threads by their number, on average, for a machine that others use too.</param>
    public static void Run(double seconds, string statistic)
    {
        Console.WriteLine($"ONNX Runtime {OrtEnv.Instance().GetVersionString()}, {Threads} threads, 8 heads of 64; {statistic} milliseconds");
        Console.WriteLine($"{"",24} {"paged",9} {"paged fp16",11} {"GQA",9} {"GQA/paged",10} {"GQA/fp16",9} {"GFLOP/s",8} {"fp16",6} {"GB/s",6} {"fp16",6}");
        foreach (var sequences in new[] { 1, 8 })
            foreach (var context in new[] { 128, 1024, 8192 })
                Row($"decode {sequences} x {context}", new(sequences, context, 1), seconds, statistic);
        foreach (var tokens in new[] { 512, 2048 })
            Row($"prefill {tokens}", new(1, tokens, tokens), seconds, statistic);
    }

    private static void Row(string name, AttentionWork work, double seconds, string statistic)
    {
        IAttentionContender[] contenders =
        [
            new PagedContender(work, half: false, Threads, KernelLibrary.Locate()), new PagedContender(work, half: true, Threads, KernelLibrary.Locate()),
            new GroupQueryContender(work, Threads),
        ];
        try
        {
            Compare(contenders);
            var taken = contenders.Select(_ => new List<double>()).ToArray();
            var used = new TimeSpan[contenders.Length];
            var clock = Stopwatch.StartNew();
            for (var round = 0; clock.Elapsed.TotalSeconds < seconds || round < 5; round++)
                for (var i = 0; i < contenders.Length; i++)
                {
                    var who = (i + round) % contenders.Length;
                    var (start, before) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
                    for (var layer = 0; layer < work.Layers; layer++)
                        contenders[who].Run(layer);
                    taken[who].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / work.Layers);
                    used[who] += Environment.CpuUsage.TotalTime - before;
                }
            var times = statistic == "cpu"
                ? used.Zip(taken, (u, t) => u.TotalMilliseconds / t.Count / work.Layers / Threads).ToArray()
                : taken.Select(t => t.Order().ElementAt(statistic == "best" ? 0 : t.Count / 2)).ToArray();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{name,24} {times[0],9:0.000} {times[1],11:0.000} {times[2],9:0.000} {times[2] / times[0],10:0.00} {times[2] / times[1],9:0.00} {work.Flops / times[0] / 1e6,8:0.0} {work.Flops / times[1] / 1e6,6:0.0} {work.CacheBytes / times[0] / 1e6,6:0.0} {work.CacheBytes / 2 / times[1] / 1e6,6:0.0}"));
        }
        finally
        {
            foreach (var contender in contenders)
                contender.Dispose();
        }
    }

    /// <summary>A contender that computes something else would win for nothing.</summary>
    private static void Compare(IAttentionContender[] contenders)
    {
        var outputs = contenders.Select(c => c.Run(0).ToArray()).ToArray();
        for (var i = 1; i < outputs.Length; i++)
        {
            var worst = outputs[0].Zip(outputs[i]).Max(pair => Math.Abs(pair.First - pair.Second));
            if (!(worst < (i == 1 ? 1e-2 : 1e-4)))
                throw new InvalidOperationException($"{contenders[i].GetType().Name} differs from {contenders[0].GetType().Name} by {worst}.");
        }
    }
}
