using System.Runtime.InteropServices;
using Google.Protobuf;
using Onnx;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Paging;

/// <summary>Makes the parts of a graph.</summary>
internal static class GraphParts
{
    /// <summary>An attribute that is a whole number.</summary>
    public static AttributeProto Int(string name, long value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    /// <summary>An attribute of whole numbers.</summary>
    public static AttributeProto Ints(string name, params long[] values) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values } };

    /// <summary>An attribute that is a number.</summary>
    public static AttributeProto Float(string name, float value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = value };

    /// <summary>An attribute that is a text.</summary>
    public static AttributeProto Text(string name, string value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8(value) };

    /// <summary>An input or output; sizes are numbers or names.</summary>
    public static ValueInfoProto Info(string name, DataType type, params object[] shape) => new()
    {
        Name = name,
        Type = new()
        {
            TensorType = new()
            {
                ElemType = (int)type,
                Shape = new() { Dim = { shape.Select(size => size is string symbol ? new TensorShapeProto.Types.Dimension { DimParam = symbol } : new() { DimValue = Convert.ToInt64(size) }) } },
            },
        },
    };

    /// <summary>A row of whole numbers.</summary>
    public static TensorProto Row(string name, params long[] values) =>
        new() { Name = name, DataType = (int)DataType.Int64, Dims = { values.Length }, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())) };

    /// <summary>A number.</summary>
    public static TensorProto Number(string name, float value) =>
        new() { Name = name, DataType = (int)DataType.Float, RawData = ByteString.CopyFrom(BitConverter.GetBytes(value)) };
}
