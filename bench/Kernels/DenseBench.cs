using System.Globalization;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Bench.Kernels;

/// <summary>Linear against ONNX Runtime's MatMul with constant matrices, float.</summary>
internal static class DenseBench
{
    // The projections of an attention, and a head of 8192 tokens. So many copies that the matrices of one shape do not stay in the cache.
    private static readonly (int Depth, int Width, int Matrices, int Copies)[] Shapes = [(512, 512, 3, 16), (512, 8192, 1, 4)];
    private static readonly int[] Rows = [1, 8, 128, 512];

    public static void Run(Turns turns, MachineLimits limits, string kernels)
    {
        Console.WriteLine($"{"product",16} {"rows",6} {"Linear",10} {"MatMul",10} {"ratio",6} {"GFLOP/s",8} {"of peak",8} {"GB/s",7} {"of read",8}");
        foreach (var (depth, width, count, copies) in Shapes)
        {
            var some = new Random(3);
            HostTensor Floats(int rows, int columns) => HostTensor.From(Enumerable.Range(0, rows * columns).Select(_ => (float)some.NextDouble() - 0.5f).ToArray(), rows, columns);
            var matrices = Enumerable.Range(0, copies).Select(_ => Enumerable.Range(0, count).Select(_ => Floats(depth, width)).ToArray()).ToArray();
            var ours = matrices.Select(m => new Contender("Linear", DenseModels.Products("Linear", m), kernels)).ToArray();
            var theirs = matrices.Select(m => new Contender("MatMul", DenseModels.Products("MatMul", m))).ToArray();
            foreach (var rows in Rows)
            {
                var x = new Dictionary<string, HostTensor> { ["x"] = Floats(rows, depth) };
                var calls = new[] { ours, theirs }.Select(side => side.Select(c => c.Prepare(x)).ToArray()).ToArray();
                Turns.Compare("Linear and MatMul", calls[0][0], calls[1][0], 1e-5);
                var times = turns.Measure(calls);
                double flops = 2.0 * rows * depth * width * count, bytes = 4.0 * depth * width * count;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{$"{depth}x{width} x{count}",16} {rows,6} {times[0],10:0.0000} {times[1],10:0.0000} {times[1] / times[0],6:0.00} {flops / times[0] / 1e6,8:0.0} {flops / times[0] / 1e6 / limits.GigaflopsPerSecond,8:0%} {bytes / times[0] / 1e6,7:0.0} {bytes / times[0] / 1e6 / limits.GigabytesPerSecond,8:0%}"));
            }
            foreach (var contender in ours.Concat(theirs))
                contender.Dispose();
        }
    }
}
