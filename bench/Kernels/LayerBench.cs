using System.Globalization;

namespace OnnxMoe.Bench.Kernels;

/// <summary>
/// One routed layer in every precision: the native kernel against ONNX Runtime's own op of the same precision (MoE for floats and halves, QMoE for codes) and
/// the function body.
/// </summary>
internal static class LayerBench
{
    private sealed record Precision(string Name, double BytesPerWeight, Contender Kernel, Contender Rival, double Tolerance);

    public static void Run(int[] sizes, Turns turns, MachineLimits limits, string kernels)
    {
        var layer = new Layer(512, 1024, 16, 2);
        var moe = new Contender("MoE", Models.OnnxRuntimeMoe(layer));
        var body = new Contender("body", Models.GroupedFfn(layer, half: false));
        Precision[] precisions =
        [
            new("fp32", 4, new("kernel", Models.GroupedFfn(layer, half: false), kernels), moe, 1e-5),
            new("fp16", 2, new("kernel fp16", Models.GroupedFfn(layer, half: true), kernels), moe, 1e-3),
            new("int8", 8.5 / 8, new("kernel int8", Models.QuantizedGroupedFfn(layer, 8), kernels), new("QMoE int8", Models.OnnxRuntimeQMoe(layer, 8)), 0.02),
            new("int4", 4.5 / 8, new("kernel int4", Models.QuantizedGroupedFfn(layer, 4), kernels), new("QMoE int4", Models.OnnxRuntimeQMoe(layer, 4)), 0.02),
        ];
        Console.WriteLine($"D=512 F=1024 E=16 top-2 SwiGLU; {turns.Statistic} milliseconds; rival: com.microsoft MoE, for codes QMoE with the same blocks; body: function body, fp32");
        Console.WriteLine($"{"tokens",7} {"",5} {"kernel",9} {"rival",9} {"body",9} {"rival/k.",9} {"GFLOP/s",8} {"of peak",8} {"GB/s",7} {"of read",8}");
        foreach (var tokens in sizes)
        {
            // Every batch of a rotation is routed differently, as in use: no expert stays in the cache because the last run chose it too.
            var rotation = Enumerable.Range(0, 8).Select(_ => layer.Batch(tokens)).ToArray();
            Contender[] contenders = [.. precisions.Select(p => p.Kernel), .. precisions.Select(p => p.Rival).Distinct(), body];
            var calls = contenders.ToDictionary(c => c, c => rotation.Select(c.Prepare).ToArray());
            foreach (var precision in precisions)
                Turns.Compare($"{precision.Kernel.Name} and {precision.Rival.Name}", calls[precision.Kernel][0], calls[precision.Rival][0], precision.Tolerance);
            var times = contenders.Zip(turns.Measure([.. contenders.Select(c => calls[c])])).ToDictionary();
            var flops = 6.0 * tokens * layer.Picks * layer.Width * layer.Hidden;
            var experts = rotation.Average(batch => batch["indices"].AsSpan<long>().ToArray().Distinct().Count());
            foreach (var p in precisions)
            {
                var (time, bytes) = (times[p.Kernel], experts * 3 * layer.Width * layer.Hidden * p.BytesPerWeight);
                var bodyTime = p.Name == "fp32" ? times[body].ToString("0.000", CultureInfo.InvariantCulture) : "";
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{tokens,7} {p.Name,5} {time,9:0.000} {times[p.Rival],9:0.000} {bodyTime,9} {times[p.Rival] / time,9:0.00} {flops / time / 1e6,8:0.0} {flops / time / 1e6 / limits.GigaflopsPerSecond,8:0%} {bytes / time / 1e6,7:0.0} {bytes / time / 1e6 / limits.GigabytesPerSecond,8:0%}"));
            }
        }
        foreach (var contender in precisions.SelectMany(p => new[] { p.Kernel, p.Rival }).Append(body).Distinct())
            contender.Dispose();
    }
}
