using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Artifacts.Tests.Support;

/// <summary>Arbitrary but fixed test values.</summary>
internal static class Some
{
    public static IEnumerable<ElementType> NumericTypes => Enum.GetValues<ElementType>().Where(type => type != ElementType.String);

    /// <summary>A tensor of any type with random bits (booleans are 0 or 1).</summary>
    public static HostTensor Tensor(ElementType type, params long[] shape)
    {
        var data = new byte[shape.Aggregate((long)type.Size(), (a, b) => a * b)];
        new Random(7).NextBytes(data);
        if (type == ElementType.Bool)
            data = Array.ConvertAll(data, value => (byte)(value & 1));
        return new HostTensor(type, shape, data);
    }

    public static void AssertEqual(HostTensor expected, HostTensor actual)
    {
        Assert.Equal(expected.Type, actual.Type);
        Assert.Equal(expected.Shape, actual.Shape);
        Assert.Equal(expected.Data, actual.Data);
    }
}
