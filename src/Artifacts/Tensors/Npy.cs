using System.Buffers.Binary;
using System.Text;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>NumPy's .npy files: versions 1 to 3, either byte order, either memory order; written as version 1, little-endian, C order.</summary>
public static class Npy
{
    private const int Alignment = 64;

    /// <summary>Reads a tensor; an array in Fortran order is turned into row-major order.</summary>
    /// <exception cref="UserError">Missing, truncated, or of an element type such as text, complex or record.</exception>
    public static HostTensor Load(string path) => Parse(TensorFile.ReadAll(path), path);

    /// <summary>Writes a tensor atomically.</summary>
    /// <exception cref="UserError">NumPy has no such element type (bfloat16), or the disk is full.</exception>
    public static void Save(string path, HostTensor tensor)
    {
        var header = NpyHeader.Text(tensor, path);
        var padding = (Alignment - (10 + header.Length + 1) % Alignment) % Alignment;
        var text = Encoding.Latin1.GetBytes(header + new string(' ', padding) + "\n");
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(length, checked((ushort)text.Length));
            stream.WriteByte(0x93);
            stream.Write("NUMPY\x01\x00"u8);
            stream.Write(length);
            stream.Write(text);
            stream.Write(tensor.Data);
        });
    }

    private static HostTensor Parse(byte[] bytes, string path)
    {
        if (bytes.Length < 12 || bytes[0] != 0x93 || !bytes.AsSpan(1, 5).SequenceEqual("NUMPY"u8) || bytes[6] is < 1 or > 3)
            throw new UserError($"{path} is not a .npy file of version 1, 2 or 3.");
        var headerStart = bytes[6] == 1 ? 10 : 12;
        long headerLength = bytes[6] == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8)) : BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8));
        if (headerStart + headerLength > bytes.Length)
            throw new UserError($"{path} is truncated: it ends inside its header.");
        var header = NpyHeader.Parse(Encoding.Latin1.GetString(bytes, headerStart, (int)headerLength), path);
        var data = bytes.AsSpan(headerStart + (int)headerLength);
        if (data.Length != header.Bytes)
            throw new UserError($"{path} should hold {header.Bytes} bytes of data for its shape [{string.Join(",", header.Shape)}], but holds {data.Length}: it is truncated or damaged.");
        var elements = data.ToArray();
        if (header.BigEndian)
            ReverseElements(elements, header.Type.Size());
        return new HostTensor(header.Type, header.Shape, header.FortranOrder ? ToRowMajor(elements, header.Shape, header.Type.Size()) : elements);
    }

    private static void ReverseElements(byte[] data, int size)
    {
        for (var i = 0; i < data.Length; i += size)
            data.AsSpan(i, size).Reverse();
    }

    private static byte[] ToRowMajor(byte[] columnMajor, long[] shape, int size)
    {
        var result = new byte[columnMajor.Length];
        var index = new long[shape.Length];
        for (var target = 0; target < result.Length; target += size)
        {
            long source = 0;
            for (var d = shape.Length - 1; d >= 0; d--)
                source = source * shape[d] + index[d];
            columnMajor.AsSpan((int)source * size, size).CopyTo(result.AsSpan(target));
            for (var d = shape.Length - 1; d >= 0 && ++index[d] == shape[d]; d--)
                index[d] = 0;
        }
        return result;
    }
}
