using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Bench.Kernels;

/// <summary>What the machine gives at most, the best of several tries.</summary>
/// <param name="GigabytesPerSecond">Reading memory with all threads.</param>
/// <param name="GigaflopsPerSecond">A float product of 1024 x 1024 x 1024, by our kernel or by ONNX Runtime's MatMul, whichever is faster.</param>
internal sealed record MachineLimits(double GigabytesPerSecond, double GigaflopsPerSecond)
{
    private const int Tries = 15;

    public static MachineLimits Measure(int threads, string kernels)
    {
        const int size = 1024;
        var some = new Random(1);
        HostTensor Square() => HostTensor.From(Enumerable.Range(0, size * size).Select(_ => (float)some.NextDouble() - 0.5f).ToArray(), size, size);
        var (x, matrix) = (new Dictionary<string, HostTensor> { ["x"] = Square() }, Square());
        using var ours = new Contender("Linear", DenseModels.Products("Linear", [matrix]), kernels);
        using var theirs = new Contender("MatMul", DenseModels.Products("MatMul", [matrix]));
        var times = new Turns(3, "best").Measure([[ours.Prepare(x)], [theirs.Prepare(x)]]);
        return new(Bandwidth(threads), 2.0 * size * size * size / times.Min() / 1e6);
    }

    private static unsafe double Bandwidth(int threads)
    {
        const long bytes = 256L << 20;
        var memory = (float*)NativeMemory.AlignedAlloc((nuint)bytes, 1 << 21);
        new Span<byte>(memory, (int)bytes).Fill(1);
        var best = double.MaxValue;
        for (var i = 0; i < Tries; i++)
        {
            var start = Stopwatch.GetTimestamp();
            Parallel.For(0, threads, new() { MaxDegreeOfParallelism = threads }, thread => Read(memory + bytes / 4 / threads * thread, bytes / 4 / threads));
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        NativeMemory.AlignedFree(memory);
        return bytes / best / 1e9;
    }

    private static unsafe void Read(float* from, long count)
    {
        Vector<float> a = default, b = default, c = default, d = default;
        var width = Vector<float>.Count;
        for (long i = 0; i < count; i += 4 * width)
        {
            a += Vector.Load(from + i);
            b += Vector.Load(from + i + width);
            c += Vector.Load(from + i + 2 * width);
            d += Vector.Load(from + i + 3 * width);
        }
        if (Vector.Sum(a + b + c + d) == 0)
            throw new InvalidOperationException("The memory held something else.");
    }
}
