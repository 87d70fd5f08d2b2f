namespace OnnxMoe.Artifacts.Tensors;

/// <summary>
/// Matrices of weights as 8 or 4 bit codes with a scale for every 32 neighbours along the depth, the dimension that a product sums over.
/// A weight is its code times its block's scale, which is a number that float16 holds exactly.
/// </summary>
/// <param name="Codes">
/// For a matrix [..., D, F] int8 [..., D, F], in -127 to 127; or, with 4 bits, uint8 [..., ceil(D/2), F]: byte row j holds depth 2j in its low half and
/// 2j + 1 in its high half, each as code + 8. The last high half of an odd depth is 8.
/// </param>
/// <param name="Scales">float [..., ceil(D/32), F].</param>
public sealed record BlockCodes(HostTensor Codes, HostTensor Scales)
{
    /// <summary>Weights along the depth that share a scale.</summary>
    public const int BlockSize = 32;

    private const int Zero4 = 8;

    /// <summary>Shape and element type of the codes of a matrix [..., D, F].</summary>
    public static (ElementType Type, long[] Shape) CodesOf(long[] shape, int bits) =>
        bits == 8 ? (ElementType.Int8, shape) : (ElementType.UInt8, [.. shape[..^2], (shape[^2] + 1) / 2, shape[^1]]);

    /// <summary>Shape of the scales of a matrix [..., D, F].</summary>
    public static long[] ScalesOf(long[] shape) => [.. shape[..^2], (shape[^2] + BlockSize - 1) / BlockSize, shape[^1]];

    /// <summary>
    /// The nearest codes. With 8 bits a block's scale is its largest magnitude / 127; with 4 bits its element of the largest magnitude / -8, so that this one,
    /// whose sign is the block's, has the code -8. A block of zeros has the scale 0.
    /// </summary>
    /// <param name="matrices">float [..., D, F].</param>
    /// <param name="bits">8 or 4.</param>
    public static BlockCodes Quantize(HostTensor matrices, int bits)
    {
        var (depth, width) = ((int)matrices.Shape[^2], (int)matrices.Shape[^1]);
        var (type, shape) = CodesOf(matrices.Shape, bits);
        var codes = new HostTensor(type, shape, new byte[shape.Aggregate(1L, (product, size) => product * size)]);
        var scaleShape = ScalesOf(matrices.Shape);
        var scales = HostTensor.From(new float[scaleShape.Aggregate(1L, (product, size) => product * size)], scaleShape);
        if (matrices.Count == 0)
            return new(codes, scales);
        var (codeRows, blocks) = ((int)shape[^2], (int)scaleShape[^2]);
        for (var i = 0; i < (int)(matrices.Count / (depth * width)); i++)
        {
            var weights = matrices.AsSpan<float>().Slice(i * depth * width, depth * width);
            var scale = scales.AsSpan<float>().Slice(i * blocks * width, blocks * width);
            var bytes = codes.Data.AsSpan(i * codeRows * width, codeRows * width);
            if (bits == 4)
                bytes.Fill(Zero4 | (Zero4 << 4));
            for (var block = 0; block < blocks; block++)
                Scale(weights[(block * BlockSize * width)..Math.Min((block + 1) * BlockSize * width, depth * width)], scale.Slice(block * width, width), bits);
            for (var d = 0; d < depth; d++)
            {
                var row = weights.Slice(d * width, width);
                var own = scale.Slice(d / BlockSize * width, width);
                var target = bytes.Slice((bits == 8 ? d : d / 2) * width, width);
                for (var f = 0; f < width; f++)
                {
                    if (own[f] == 0)
                        continue; // already the code of 0
                    var code = MathF.Round(row[f] / own[f]);
                    target[f] = bits == 8 ? (byte)(sbyte)Math.Clamp(code, -127, 127) : Nibble(target[f], d % 2 == 1, (byte)(Math.Clamp(code, -8, 7) + Zero4));
                }
            }
        }
        return new(codes, scales);
    }

    /// <summary>The weights that the codes stand for.</summary>
    /// <param name="depth">D.</param>
    /// <returns>float [..., D, F].</returns>
    public HostTensor Dequantize(long depth)
    {
        var (rows, width, blocks) = ((int)Codes.Shape[^2], (int)Codes.Shape[^1], (int)Scales.Shape[^2]);
        long[] shape = [.. Codes.Shape[..^2], depth, width];
        var weights = new float[shape.Aggregate(1L, (product, size) => product * size)];
        var scales = Scales.AsSpan<float>();
        for (var row = 0; row < weights.Length / Math.Max(1, width); row++)
        {
            var (matrix, d) = (row / (int)depth, row % (int)depth);
            var codes = Codes.Data.AsSpan((matrix * rows + (Codes.Type == ElementType.Int8 ? d : d / 2)) * width, width);
            var scale = scales.Slice((matrix * blocks + d / BlockSize) * width, width);
            for (var f = 0; f < width; f++)
                weights[row * width + f] = scale[f] * (Codes.Type == ElementType.Int8 ? (sbyte)codes[f] : (d % 2 == 1 ? codes[f] >> 4 : codes[f] & 15) - Zero4);
        }
        return HostTensor.From(weights, shape);
    }

    /// <summary>The scales of one block of rows.</summary>
    private static void Scale(ReadOnlySpan<float> rows, Span<float> scales, int bits)
    {
        var width = scales.Length;
        for (var i = 0; i < rows.Length; i++)
        {
            // Not a number stays one, so that the comparison of the file with the model fails.
            if (!float.IsNaN(scales[i % width]) && !(MathF.Abs(rows[i]) <= MathF.Abs(scales[i % width])))
                scales[i % width] = rows[i];
        }
        foreach (ref var scale in scales)
            scale = (float)(Half)Math.Clamp(bits == 8 ? MathF.Abs(scale) / 127 : scale / -8, (float)Half.MinValue, (float)Half.MaxValue);
    }

    private static byte Nibble(byte pair, bool high, byte code) => (byte)(high ? (pair & 15) | (code << 4) : (pair & 0xF0) | code);
}
