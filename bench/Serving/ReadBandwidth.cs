using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace OnnxMoe.Bench.Serving;

/// <summary>How fast this machine reads memory with all its cores.</summary>
internal static unsafe class ReadBandwidth
{
    private const nuint Bytes = 1u << 29;

    /// <summary>Gigabytes a second, the best of several runs over 512 MiB.</summary>
    public static double Measure()
    {
        var memory = (float*)NativeMemory.AlignedAlloc(Bytes, 4096);
        try
        {
            new Span<float>(memory, (int)(Bytes / sizeof(float))).Fill(1.5f);
            var threads = Environment.ProcessorCount;
            var part = (long)Bytes / sizeof(float) / threads / 64 * 64;
            var (best, sums) = (0.0, new float[threads]);
            for (var run = 0; run < 12; run++)
            {
                var clock = Stopwatch.GetTimestamp();
                Parallel.For(0, threads, new() { MaxDegreeOfParallelism = threads }, thread => sums[thread] = Sum(memory + thread * part, part));
                best = Math.Max(best, part * threads * sizeof(float) / Stopwatch.GetElapsedTime(clock).TotalSeconds * 1e-9);
            }
            return sums.Sum() > 0 ? best : throw new InvalidOperationException("The sum of positive numbers is not positive.");
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    private static float Sum(float* from, long count)
    {
        var (a, b, c, d) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        var width = Vector<float>.Count;
        for (long i = 0; i + 4 * width <= count; i += 4 * width)
        {
            a += Vector.Load(from + i);
            b += Vector.Load(from + i + width);
            c += Vector.Load(from + i + 2 * width);
            d += Vector.Load(from + i + 3 * width);
        }
        return Vector.Sum(a + b + c + d);
    }
}
