using System.Globalization;
using System.Text.RegularExpressions;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>The Python dictionary at the head of a .npy file.</summary>
/// <param name="Type">Element type.</param>
/// <param name="BigEndian">True when the elements' bytes are in the other order.</param>
/// <param name="FortranOrder">True when the first index runs fastest.</param>
/// <param name="Shape">Sizes of the dimensions.</param>
/// <param name="Bytes">Bytes of all elements.</param>
internal sealed partial record NpyHeader(ElementType Type, bool BigEndian, bool FortranOrder, long[] Shape, long Bytes)
{
    private static readonly Dictionary<string, ElementType> Known = new(StringComparer.Ordinal)
    {
        ["b1"] = ElementType.Bool,
        ["u1"] = ElementType.UInt8,
        ["i1"] = ElementType.Int8,
        ["u2"] = ElementType.UInt16,
        ["i2"] = ElementType.Int16,
        ["u4"] = ElementType.UInt32,
        ["i4"] = ElementType.Int32,
        ["u8"] = ElementType.UInt64,
        ["i8"] = ElementType.Int64,
        ["f2"] = ElementType.Float16,
        ["f4"] = ElementType.Float,
        ["f8"] = ElementType.Double,
    };

    /// <exception cref="UserError">The header is damaged or the element type is not supported.</exception>
    public static NpyHeader Parse(string text, string path)
    {
        var (type, order, shape) = (TypeField().Match(text), OrderField().Match(text), ShapeField().Match(text));
        if (!type.Success || !order.Success || !shape.Success)
            throw new UserError($"{path} has a damaged .npy header, or holds records, which are not supported.");
        var word = type.Groups[2].Value;
        if (!Known.TryGetValue(word, out var element))
            throw new UserError($"{path} holds elements of NumPy type '{word}'; supported are bool, integers, float16, float32 and float64.");
        try
        {
            var sizes = shape.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(size => long.Parse(size, NumberStyles.None, CultureInfo.InvariantCulture)).ToArray();
            long bytes = element.Size();
            foreach (var size in sizes)
                bytes = checked(bytes * size);
            return new NpyHeader(element, type.Groups[1].Value == ">", order.Groups[1].Value == "True", sizes, bytes);
        }
        catch (Exception problem) when (problem is FormatException or OverflowException)
        {
            throw new UserError($"{path} has the impossible shape ({shape.Groups[1].Value}).", problem);
        }
    }

    /// <summary>The dictionary that describes <paramref name="tensor"/>.</summary>
    /// <exception cref="UserError">NumPy has no such element type.</exception>
    public static string Text(HostTensor tensor, string path)
    {
        var word = Known.FirstOrDefault(pair => pair.Value == tensor.Type).Key
            ?? throw new UserError($"Cannot write {path}: NumPy has no {tensor.Type}; write a .pb file instead.");
        var order = tensor.Type.Size() == 1 ? '|' : '<';
        var shape = string.Join(", ", tensor.Shape) + (tensor.Shape.Length == 1 ? "," : "");
        return $"{{'descr': '{order}{word}', 'fortran_order': False, 'shape': ({shape}), }}";
    }

    [GeneratedRegex("""['"]descr['"]\s*:\s*['"]([<>|=]?)([A-Za-z]\w*)['"]""")]
    private static partial Regex TypeField();

    [GeneratedRegex("""['"]fortran_order['"]\s*:\s*(True|False)""")]
    private static partial Regex OrderField();

    [GeneratedRegex("""['"]shape['"]\s*:\s*\(([^)]*)\)""")]
    private static partial Regex ShapeField();
}
