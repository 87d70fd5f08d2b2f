using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace OnnxMoe.Bench;

/// <summary>How fast this machine reads memory with all its cores.</summary>
internal sealed unsafe class ReadBandwidth : IDisposable
{
    private const nuint Bytes = 1u << 29;
    private const int HugePages = 14; // MADV_HUGEPAGE

    // A core that reads in several places at once gets more of some memories.
    private static readonly int[] Streams = [1, 2, 4];

    private readonly float* _memory = (float*)NativeMemory.AlignedAlloc(Bytes, 1 << 21);

    public ReadBandwidth()
    {
        _ = Advise(_memory, Bytes, HugePages); // as the kernels' weights; a system without them reads as it can
        new Span<float>(_memory, (int)(Bytes / sizeof(float))).Fill(1.5f);
    }

    /// <summary>Gigabytes a second, the best of so many runs over 512 MiB, each with one, two and four streams of a core.</summary>
    public double Measure(int runs)
    {
        var threads = Environment.ProcessorCount;
        var part = (long)Bytes / sizeof(float) / threads / 1024 * 1024;
        var (best, sums) = (0.0, new float[threads]);
        for (var run = 0; run < runs; run++)
            foreach (var streams in Streams)
            {
                var clock = Stopwatch.GetTimestamp();
                Parallel.For(0, threads, new() { MaxDegreeOfParallelism = threads }, thread => sums[thread] += Sum(_memory + thread * part, part, streams));
                best = Math.Max(best, part * threads * sizeof(float) / Stopwatch.GetElapsedTime(clock).TotalSeconds * 1e-9);
            }
        return sums.Sum() > 0 ? best : throw new InvalidOperationException("The sum of positive numbers is not positive.");
    }

    public void Dispose() => NativeMemory.AlignedFree(_memory);

    [DllImport("libc", EntryPoint = "madvise")]
    private static extern int Advise(void* memory, nuint bytes, int advice);

    private static float Sum(float* from, long count, int streams)
    {
        var (a, b, c, d) = (Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero, Vector<float>.Zero);
        var (width, stream) = (Vector<float>.Count, count / streams);
        for (long i = 0; i < stream; i += 4 * width)
            for (var place = from + i; place < from + count; place += stream)
            {
                a += Vector.Load(place);
                b += Vector.Load(place + width);
                c += Vector.Load(place + 2 * width);
                d += Vector.Load(place + 3 * width);
            }
        return Vector.Sum(a + b + c + d);
    }
}
