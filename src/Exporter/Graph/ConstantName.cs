using System.Globalization;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Graph;

/// <summary>Readable names of constants: small ones say their value, <c>int64[1,-1,8]</c>; others their shape, <c>float_256x16</c>.</summary>
internal static class ConstantName
{
    private const int LongestSpelledOut = 6;

    public static string Of(HostTensor tensor)
    {
        var type = tensor.Type.ToString().ToLowerInvariant();
        if (tensor.Shape.Length > 1 || tensor.Count > LongestSpelledOut)
            return $"{type}_{string.Join('x', tensor.Shape)}";
        var values = tensor.Type switch
        {
            ElementType.Float => Spell(tensor.AsSpan<float>().ToArray()),
            ElementType.Double => Spell(tensor.AsSpan<double>().ToArray()),
            ElementType.Int64 => Spell(tensor.AsSpan<long>().ToArray()),
            ElementType.Int32 => Spell(tensor.AsSpan<int>().ToArray()),
            _ => null,
        };
        return values is null ? type : tensor.Shape.Length == 0 ? $"{type}({values})" : $"{type}[{values}]";
    }

    private static string Spell<T>(T[] values) where T : IFormattable =>
        string.Join(',', values.Select(value => value.ToString(null, CultureInfo.InvariantCulture)));
}
