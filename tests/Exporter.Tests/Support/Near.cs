using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Tests.Support;

/// <summary>Comparison of tensors.</summary>
internal static class Near
{
    public static void Equal(HostTensor expected, HostTensor actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Type, actual.Type);
        Assert.Equal(expected.Shape, actual.Shape);
        if (expected.Type != ElementType.Float)
        {
            Assert.Equal(expected.Data, actual.Data);
            return;
        }
        var a = expected.AsSpan<float>();
        var b = actual.AsSpan<float>();
        var scale = 1f;
        foreach (var value in a)
            scale = Math.Max(scale, Math.Abs(value));
        for (var i = 0; i < a.Length; i++)
            Assert.True(Math.Abs(a[i] - b[i]) <= tolerance * scale, $"element {i}: expected {a[i]}, got {b[i]} (largest {scale})");
    }
}
