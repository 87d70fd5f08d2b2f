using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Comparison of tensors.</summary>
internal static class Close
{
    /// <summary>Same type and shape; integers equal, floating numbers within the tolerances of ONNX's own tests.</summary>
    public static void Assert(HostTensor expected, HostTensor actual, double relative = 1e-3, double absolute = 1e-5)
    {
        Xunit.Assert.Equal(expected.Type, actual.Type);
        Xunit.Assert.Equal(expected.Shape, actual.Shape);
        if (!expected.Type.IsFloating())
        {
            Xunit.Assert.Equal(expected.Data, actual.Data);
            return;
        }
        var (a, b) = (Doubles(expected), Doubles(actual));
        for (var i = 0; i < a.Length; i++)
        {
            var same = a[i].Equals(b[i]) || Math.Abs(a[i] - b[i]) <= absolute + relative * Math.Abs(a[i]);
            Xunit.Assert.True(same, $"Element {i} of {expected}: expected {a[i]}, got {b[i]}.");
        }
    }

    public static double[] Doubles(HostTensor tensor) => tensor.Type switch
    {
        ElementType.Float => Array.ConvertAll(tensor.AsSpan<float>().ToArray(), v => (double)v),
        ElementType.Double => tensor.AsSpan<double>().ToArray(),
        ElementType.Float16 => Array.ConvertAll(tensor.AsSpan<Half>().ToArray(), v => (double)v),
        ElementType.BFloat16 => BrainFloats(tensor.Data),
        _ => Array.ConvertAll(tensor.ToInt64(), v => (double)v),
    };

    private static double[] BrainFloats(byte[] data)
    {
        var values = new double[data.Length / 2];
        for (var i = 0; i < values.Length; i++)
            values[i] = BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(data, 2 * i) << 16);
        return values;
    }
}
