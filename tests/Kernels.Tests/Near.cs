namespace OnnxMoe.Kernels.Tests;

/// <summary>Float results against a reference in double precision.</summary>
internal static class Near
{
    /// <summary>Each difference is below 1e-5, absolute or relative.</summary>
    public static void Assert(double[] expected, float[] actual)
    {
        Xunit.Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            if (!(Math.Abs(expected[i] - actual[i]) <= 1e-5 * Math.Max(1, Math.Abs(expected[i]))))
                Xunit.Assert.Fail($"Element {i} of {actual.Length} is {actual[i]:R}, not {expected[i]:R}.");
    }
}
