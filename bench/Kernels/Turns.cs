using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Bench.Kernels;

/// <summary>Times contenders that take turns, so that all of them meet the same moods of the machine.</summary>
/// <param name="Seconds">For all contenders together.</param>
/// <param name="Statistic"><c>median</c>, or <c>best</c>: says more on a busy machine.</param>
internal sealed record Turns(double Seconds, string Statistic)
{
    /// <summary>Milliseconds of a call of each contender. Its calls run one after the other, each with other inputs.</summary>
    public double[] Measure(IReadOnlyList<Func<OrtValue>[]> contenders)
    {
        var taken = contenders.Select(_ => new List<double>()).ToArray();
        var clock = Stopwatch.StartNew();
        for (var round = 0; clock.Elapsed.TotalSeconds < Seconds || round < 3; round++)
            for (var i = 0; i < contenders.Count; i++)
            {
                var who = (i + round) % contenders.Count;
                var start = Stopwatch.GetTimestamp();
                foreach (var call in contenders[who])
                    call().Dispose();
                taken[who].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / contenders[who].Length);
            }
        return [.. taken.Select(Of)];
    }

    /// <summary>The statistic of some times.</summary>
    public double Of(List<double> times) => times.Order().ElementAt(Statistic == "best" ? 0 : times.Count / 2);

    /// <summary>Throws when two results differ by more than <paramref name="tolerance"/> of the first one's norm: a contender that computes something else would win for nothing.</summary>
    public static void Compare(string names, Func<OrtValue> first, Func<OrtValue> second, double tolerance)
    {
        using var a = first();
        using var b = second();
        double norm = 0, difference = 0;
        for (var i = 0; i < a.GetTensorDataAsSpan<float>().Length; i++)
        {
            double left = a.GetTensorDataAsSpan<float>()[i], right = b.GetTensorDataAsSpan<float>()[i];
            norm += left * left;
            difference += (left - right) * (left - right);
        }
        if (!(Math.Sqrt(difference) <= tolerance * Math.Sqrt(norm)))
            throw new InvalidOperationException($"{names} differ by {Math.Sqrt(difference / norm):0.0e+0} of the norm.");
    }
}
