using System.Runtime.InteropServices;
using Onnx;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>
/// The elements of a TensorProto that are not in <c>raw_data</c>: small types share <c>int32_data</c> (16-bit floats as their bit
/// patterns), uint32 shares <c>uint64_data</c>.
/// </summary>
internal static class TypedFields
{
    /// <summary>The elements as little-endian bytes.</summary>
    public static byte[] Bytes(TensorProto proto, ElementType type) => type switch
    {
        ElementType.Float => Pack(proto.FloatData, value => value),
        ElementType.Double => Pack(proto.DoubleData, value => value),
        ElementType.Int64 => Pack(proto.Int64Data, value => value),
        ElementType.UInt64 => Pack(proto.Uint64Data, value => value),
        ElementType.UInt32 => Pack(proto.Uint64Data, value => (uint)value),
        ElementType.Int32 => Pack(proto.Int32Data, value => value),
        ElementType.Bool => Pack(proto.Int32Data, value => value != 0),
        ElementType.UInt8 or ElementType.Int8 => Pack(proto.Int32Data, value => (byte)value),
        _ => Pack(proto.Int32Data, value => (ushort)value),
    };

    private static byte[] Pack<TField, T>(ICollection<TField> values, Func<TField, T> convert) where T : unmanaged =>
        MemoryMarshal.AsBytes(values.Select(convert).ToArray().AsSpan()).ToArray();
}
