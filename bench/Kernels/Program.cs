using System.Diagnostics;
using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Bench.Kernels;

// Times one routed layer (512 wide, 16 SwiGLU experts of 1024 hidden units, 2 picks) for several numbers of tokens: the native
// kernel, ONNX Runtime's own MoE, and the function body. One process, the same weights, the same threads, taking turns.
// Usage: OnnxMoe.Bench.Kernels [tokens,tokens,...] [seconds per number of tokens] [median|best]
//        OnnxMoe.Bench.Kernels attention [seconds per row] [median|best|cpu]: PagedAttention (see AttentionBench.cs)
// On a busy machine the best time says more than the median.

if (args is ["attention", ..])
{
    AttentionBench.Run(args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 3, args.Length > 2 ? args[2] : "median");
    return;
}

var sizes = args.Length > 0 ? [.. args[0].Split(',').Select(int.Parse)] : new[] { 1, 2, 4, 8, 16, 64, 256, 1024 };
var seconds = args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 4;
var statistic = args.Length > 2 ? args[2] : "median";
const int threads = 2;

using var threading = new OrtThreadingOptions { GlobalIntraOpNumThreads = threads };
var creation = new EnvironmentCreationOptions { logId = "bench", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, threadOptions = threading };
using var environment = OrtEnv.CreateInstanceWithOptions(ref creation);

var layer = new Layer(512, 1024, 16, 2);
var kernels = KernelLibrary.Locate();
Contender[] contenders =
[
    new("kernel", Models.GroupedFfn(layer, half: false), kernels),
    new("kernel fp16", Models.GroupedFfn(layer, half: true), kernels),
    new("MoE", Models.OnnxRuntimeMoe(layer)),
    new("body", Models.GroupedFfn(layer, half: false)),
];

Console.WriteLine($"ONNX Runtime {environment.GetVersionString()}, {threads} threads, D=512 F=1024 E=16 top-2 SwiGLU; {statistic} milliseconds");
Console.WriteLine($"{"tokens",7} {string.Join(" ", contenders.Select(c => $"{c.Name,12}"))} {"MoE/kernel",12} {"body/kernel",12} {"GFLOP/s",9}");
foreach (var tokens in sizes)
{
    var times = Measure(tokens);
    var flops = 6.0 * tokens * layer.Picks * layer.Width * layer.Hidden;
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{tokens,7} {string.Join(" ", times.Select(m => m.ToString("0.000", CultureInfo.InvariantCulture).PadLeft(12)))} {times[2] / times[0],12:0.00} {times[3] / times[0],12:0.00} {flops / times[0] / 1e6,9:0.0}"));
}

foreach (var contender in contenders)
    contender.Dispose();

// Milliseconds of each contender. Every batch of a rotation is routed differently, as in use: no expert stays in the cache
// because the last run chose it too.
double[] Measure(int tokens)
{
    var rotation = Enumerable.Range(0, 8).Select(_ => layer.Batch(tokens)).ToArray();
    var calls = contenders.Select(c => rotation.Select(c.Prepare).ToArray()).ToArray();
    Compare(calls);
    var taken = contenders.Select(_ => new List<double>()).ToArray();
    var clock = Stopwatch.StartNew();
    for (var round = 0; clock.Elapsed.TotalSeconds < seconds || round < 3; round++)
        for (var i = 0; i < contenders.Length; i++)
        {
            var who = (i + round) % contenders.Length;
            var start = Stopwatch.GetTimestamp();
            foreach (var call in calls[who])
                call().Dispose();
            taken[who].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / rotation.Length);
        }
    return [.. taken.Select(t => t.Order().ElementAt(statistic == "best" ? 0 : t.Count / 2))];
}

// A contender that computes something else would win for nothing.
void Compare(Func<OrtValue>[][] calls)
{
    using var first = calls[0][0]();
    for (var i = 1; i < calls.Length; i++)
    {
        using var other = calls[i][0]();
        var a = first.GetTensorDataAsSpan<float>();
        var b = other.GetTensorDataAsSpan<float>();
        var worst = 0f;
        for (var j = 0; j < a.Length; j++)
            worst = Math.Max(worst, Math.Abs(a[j] - b[j]));
        if (!(worst < (contenders[i].Name.Contains("fp16") ? 1e-2 : 1e-4)))
            throw new InvalidOperationException($"{contenders[i].Name} differs from {contenders[0].Name} by {worst}.");
    }
}
