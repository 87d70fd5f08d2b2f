using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// Codes of 2 to 8 bits without gaps: a code is cut into planes of 4, 2 and 1 bits (3 bits: one of 2 and one of 1), of which 2, 4 and 8 codes fill a byte.
/// A byte holds codes that lie a whole part of the rows apart, so that unpacking is shifting, cutting and one change of shape.
/// </summary>
public static class PackedCodes
{
    /// <summary>Bits of each plane, the low bits of a code first.</summary>
    public static int[] Planes(int bits) => bits switch
    {
        1 or 2 or 4 or 8 => [bits],
        3 => [2, 1],
        5 or 6 => [4, bits - 4],
        7 => [4, 2, 1],
        _ => throw new ArgumentException($"Codes have 1 to 8 bits, not {bits}."),
    };

    /// <summary>Rows of a packed plane: of the last byte of a column some bits may be unused.</summary>
    public static int PackedRows(int rows, int planeBits) => (rows + Share(planeBits) - 1) / Share(planeBits);

    /// <param name="codes">[rows, columns], a byte each.</param>
    /// <param name="rows">Of the matrix.</param>
    /// <param name="bits">Of a code.</param>
    /// <returns>A uint8 tensor [packed rows, columns] for each plane.</returns>
    public static HostTensor[] Pack(ReadOnlySpan<byte> codes, int rows, int bits)
    {
        var (columns, taken) = (codes.Length / rows, 0);
        var planes = new List<HostTensor>();
        foreach (var plane in Planes(bits))
        {
            var height = PackedRows(rows, plane);
            var packed = new byte[height * columns];
            for (var row = 0; row < rows; row++)
                for (var column = 0; column < columns; column++)
                    packed[(row % height * columns) + column] |= (byte)(((codes[(row * columns) + column] >> taken) & ((1 << plane) - 1)) << (row / height * plane));
            planes.Add(new HostTensor(ElementType.UInt8, [height, columns], packed));
            taken += plane;
        }
        return [.. planes];
    }

    /// <summary>The codes in operators of opset 17, which has no bitwise "and": the rest of a division by 2^plane cuts a code out.</summary>
    /// <param name="planes">Of <see cref="Pack"/>.</param>
    /// <param name="rows">Of the matrix.</param>
    /// <param name="columns">Of the matrix.</param>
    /// <param name="bits">Of a code.</param>
    /// <returns>uint8 [rows, columns]</returns>
    public static Value Unpack(IReadOnlyList<Value> planes, int rows, int columns, int bits)
    {
        Value? codes = null;
        var taken = 0;
        foreach (var (packed, plane) in planes.Zip(Planes(bits)))
        {
            var part = Unpack(packed, rows, columns, plane);
            var placed = taken == 0 ? part : part.BitShift(part.Scalar(taken), left: true);
            codes = codes is null ? placed : codes.Or8(placed);
            taken += plane;
        }
        return codes!;
    }

    private static Value Unpack(Value packed, int rows, int columns, int plane)
    {
        if (plane == 8)
            return packed;
        var shifts = packed.Ops.Constant(HostTensor.From(Enumerable.Range(0, Share(plane)).Select(part => (byte)(part * plane)).ToArray(), Share(plane), 1, 1));
        var all = packed.Unsqueeze(0).BitShift(shifts, left: false).Mod(packed.Scalar(1 << plane)).Reshape(-1, columns);
        return PackedRows(rows, plane) * Share(plane) == rows ? all : all.Slice(0, 0, rows);
    }

    /// <summary>The sum of codes that have no bit in common, by way of int32: ONNX Runtime adds no bytes.</summary>
    private static Value Or8(this Value a, Value b) => (a.Cast(ElementType.Int32) + b.Cast(ElementType.Int32)).Cast(ElementType.UInt8);

    private static int Share(int planeBits) => 8 / planeBits;
}
