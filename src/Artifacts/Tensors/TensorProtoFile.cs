using Google.Protobuf;
using Onnx;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>ONNX's own form of a tensor: to and from <see cref="HostTensor"/>, and in .pb files.</summary>
public static class TensorProtoFile
{
    /// <summary>Reads a file that holds one TensorProto; external data is looked for in the file's folder.</summary>
    /// <exception cref="UserError">Missing, damaged, or of an unsupported element type.</exception>
    public static HostTensor Load(string path)
    {
        TensorProto proto;
        try
        {
            proto = TensorProto.Parser.ParseFrom(TensorFile.ReadAll(path));
        }
        catch (InvalidProtocolBufferException problem)
        {
            throw new UserError($"{path} is not an ONNX tensor (TensorProto): it is truncated or damaged.", problem);
        }
        return ToHost(proto, Path.GetDirectoryName(Path.GetFullPath(path)), path);
    }

    /// <summary>Writes a tensor as a TensorProto, atomically.</summary>
    public static void Save(string path, HostTensor tensor, string name = "") =>
        AtomicFile.Write(path, stream => FromHost(tensor, name).WriteTo(stream));

    /// <summary>The tensor as a TensorProto with <c>raw_data</c>.</summary>
    public static TensorProto FromHost(HostTensor tensor, string name = "") => new()
    {
        Name = name,
        DataType = (int)tensor.Type,
        Dims = { tensor.Shape },
        RawData = ByteString.CopyFrom(tensor.Data),
    };

    /// <summary>The tensor of a TensorProto: from raw data, from the typed fields, or from an external file.</summary>
    /// <param name="proto">The message.</param>
    /// <param name="folder">Where external files lie (the model's folder); null refuses external data.</param>
    /// <param name="source">The file that errors name.</param>
    /// <exception cref="UserError">An unsupported element type, data that do not fit the shape, or a bad external location.</exception>
    public static HostTensor ToHost(TensorProto proto, string? folder = null, string source = "The model")
    {
        var where = Where(proto, source);
        var type = TypeOf(proto, where);
        var shape = proto.Dims.ToArray();
        var expected = ByteCount(shape, type, where, int.MaxValue);
        var data = proto.DataLocation == TensorProto.Types.DataLocation.External ? ExternalTensor.Read(proto, folder, expected, where)
            : Inline(proto, type, shape, expected, where);
        return new HostTensor(type, shape, data);
    }

    /// <summary>Some rows of a TensorProto: [rows, ...], where it is [all rows, ...]. Of external data only these are read.</summary>
    /// <param name="proto">The message.</param>
    /// <param name="rows">Their numbers, in the order wanted.</param>
    /// <inheritdoc cref="ToHost"/>
    public static HostTensor Rows(TensorProto proto, IReadOnlyList<int> rows, string? folder = null, string source = "The model")
    {
        var where = Where(proto, source);
        var type = TypeOf(proto, where);
        var shape = proto.Dims.ToArray();
        var expected = ByteCount(shape, type, where, long.MaxValue);
        if (shape.Length == 0 || rows.Any(row => row < 0 || row >= shape[0]))
            throw new ArgumentException($"{where} of shape [{string.Join(",", shape)}] has not all of the rows {string.Join(", ", rows)}.");
        long[] taken = [rows.Count, .. shape[1..]];
        ByteCount(taken, type, where, int.MaxValue);
        var rowBytes = (int)(expected / shape[0]);
        if (proto.DataLocation == TensorProto.Types.DataLocation.External)
            return new HostTensor(type, taken, ExternalTensor.ReadParts(proto, folder, expected, rowBytes, rows, where));
        var all = Inline(proto, type, shape, expected, where);
        var data = new byte[rowBytes * rows.Count];
        for (var i = 0; i < rows.Count; i++)
            all.AsSpan(rows[i] * rowBytes, rowBytes).CopyTo(data.AsSpan(i * rowBytes));
        return new HostTensor(type, taken, data);
    }

    private static string Where(TensorProto proto, string source) => $"{source}: tensor '{proto.Name}'";

    private static ElementType TypeOf(TensorProto proto, string where)
    {
        var type = (ElementType)proto.DataType;
        if (type == ElementType.String)
            throw new UserError($"{where} holds text, which is not supported; only numbers and booleans are.");
        if (!Enum.IsDefined(type))
            throw new UserError($"{where} has element type {(TensorProto.Types.DataType)proto.DataType}, which is not supported.");
        if (proto.Segment != null)
            throw new UserError($"{where} is stored in segments, which is not supported.");
        return type;
    }

    private static byte[] Inline(TensorProto proto, ElementType type, long[] shape, long expected, string where)
    {
        var data = proto.HasRawData ? proto.RawData.ToByteArray() : TypedFields.Bytes(proto, type);
        return data.Length == expected ? data
            : throw new UserError($"{where} of shape [{string.Join(",", shape)}] needs {expected} bytes of {type}, but has {data.Length}.");
    }

    private static long ByteCount(long[] shape, ElementType type, string where, long most)
    {
        try
        {
            long bytes = type.Size();
            foreach (var size in shape)
                bytes = checked(bytes * size);
            if (bytes >= 0 && bytes <= most && shape.All(size => size >= 0))
                return bytes;
        }
        catch (OverflowException)
        {
        }
        throw new UserError($"{where} has the shape [{string.Join(",", shape)}], which is negative or beyond the 2 GiB that one tensor may have.");
    }
}
