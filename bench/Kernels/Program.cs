using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Bench.Kernels;

// Times the native kernels beside ONNX Runtime's own in one process, on the same weights and threads, taking turns: a routed layer of
// 512 wide, 16 SwiGLU experts of 1024 hidden units, 2 picks (LayerBench), and dense products (DenseBench).
// Usage: OnnxMoe.Bench.Kernels [tokens,tokens,... | dense] [seconds per row] [median|best]
//        OnnxMoe.Bench.Kernels attention [seconds per row] [median|best|cpu]: PagedAttention (see AttentionBench.cs)
// Without arguments: the layer for 1 to 1024 tokens, and the dense products. On a busy machine the best time says more than the median.

if (args is ["attention", ..])
{
    AttentionBench.Run(args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 3, args.Length > 2 ? args[2] : "median");
    return;
}

const int threads = 2;
var turns = new Turns(args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 4, args.Length > 2 ? args[2] : "median");

using var threading = new OrtThreadingOptions { GlobalIntraOpNumThreads = threads };
var creation = new EnvironmentCreationOptions { logId = "bench", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, threadOptions = threading };
using var environment = OrtEnv.CreateInstanceWithOptions(ref creation);

var kernels = KernelLibrary.Locate();
var limits = MachineLimits.Measure(kernels);
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"ONNX Runtime {environment.GetVersionString()}, {threads} threads; this machine: float products {limits.GigaflopsPerSecond:0} GFLOP/s, reading memory {limits.GigabytesPerSecond:0.0} GB/s"));
if (args is not ["dense", ..])
    LayerBench.Run(args.Length > 0 ? [.. args[0].Split(',').Select(int.Parse)] : [1, 2, 4, 8, 16, 64, 256, 1024], turns, limits, kernels);
if (args is [] or ["dense", ..])
    DenseBench.Run(turns, limits, kernels);
