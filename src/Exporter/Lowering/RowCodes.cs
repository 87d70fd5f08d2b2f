using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>
/// The codes of <see cref="BlockCodes"/> in the order of ONNX Runtime's MatMulNBits and QMoE: a row for each output with its blocks one after the other,
/// unsigned with 8 or 128 for 0, two 4 bit codes a byte with the first in the low half. The weights that they stand for are the same.
/// </summary>
internal static class RowCodes
{
    /// <summary>uint8 of the shape <see cref="ShapeOf"/>.</summary>
    /// <param name="matrices">float [..., D, F].</param>
    /// <param name="bits">8 or 4.</param>
    public static HostTensor CodesOf(HostTensor matrices, int bits)
    {
        var codes = BlockCodes.Quantize(matrices, bits).Codes;
        var (depth, width) = ((int)matrices.Shape[^2], (int)matrices.Shape[^1]);
        var (stored, shape) = ((int)codes.Shape[^2], ShapeOf(matrices.Shape, bits));
        var rowBytes = BytesOf(depth, bits);
        var rows = new byte[shape.Aggregate(1L, (product, size) => product * size)];
        rows.AsSpan().Fill(bits == 8 ? (byte)128 : (byte)0x88);
        for (var i = 0; i < codes.Data.Length; i++)
        {
            var (matrix, d, f) = (i / (stored * width), i / width % stored, i % width);
            rows[(matrix * width + f) * rowBytes + d] = bits == 8 ? (byte)(codes.Data[i] + 128) : codes.Data[i]; // pairs of 4 bit codes are pairs along the depth here too
        }
        return new(ElementType.UInt8, shape, rows);
    }

    /// <summary>float [..., F, ceil(D/32)].</summary>
    /// <inheritdoc cref="CodesOf"/>
    public static HostTensor ScalesOf(HostTensor matrices, int bits)
    {
        var scales = BlockCodes.Quantize(matrices, bits).Scales;
        var (blocks, width) = ((int)scales.Shape[^2], (int)scales.Shape[^1]);
        var rows = new float[scales.Count];
        for (var i = 0; i < rows.Length; i++)
            rows[(i / (blocks * width) * width + i % width) * blocks + i / width % blocks] = scales.AsSpan<float>()[i];
        return HostTensor.From(rows, [.. scales.Shape[..^2], width, blocks]);
    }

    /// <summary>The shape of the codes: of one matrix [D, F] it is [F, blocks, bytes of a block], as MatMulNBits has it, of a stack [E, D, F] it is [E, F, bytes of a row], as QMoE has it.</summary>
    public static long[] ShapeOf(long[] shape, int bits)
    {
        var bytes = BytesOf((int)shape[^2], bits);
        var block = BlockCodes.BlockSize * bits / 8;
        return shape.Length == 2 ? [shape[1], bytes / block, block] : [.. shape[..^2], shape[^1], bytes];
    }

    /// <summary>Bytes of a row, whose last block is whole.</summary>
    private static int BytesOf(int depth, int bits) => (depth + BlockCodes.BlockSize - 1) / BlockCodes.BlockSize * BlockCodes.BlockSize * bits / 8;
}
