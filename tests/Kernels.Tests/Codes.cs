using System.Runtime.InteropServices;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>The arithmetic of quantized products, plainly: what the kernels must give bit for bit where the processor fuses multiply and add.</summary>
internal static class Codes
{
    private const int Block = BlockCodes.BlockSize;

    /// <summary>Row <paramref name="x"/> times matrix <paramref name="index"/> of a stack of codes.</summary>
    public static float[] Product(ReadOnlySpan<float> x, BlockCodes stack, int index)
    {
        var (rows, width, blocks) = ((int)stack.Codes.Shape[^2], (int)stack.Codes.Shape[^1], (int)stack.Scales.Shape[^2]);
        var y = new float[width];
        for (var b = 0; b < blocks; b++)
        {
            var values = x[(b * Block)..Math.Min((b + 1) * Block, x.Length)];
            var (codes, scale) = Quantize(values);
            var weightScales = stack.Scales.AsSpan<float>().Slice((index * blocks + b) * width, width);
            for (var f = 0; f < width; f++)
            {
                var sum = 0;
                for (var i = 0; i < codes.Length; i++)
                    sum += codes[i] * CodeAt(stack, (long)index * rows * width, b * Block + i, f, width);
                y[f] = MathF.FusedMultiplyAdd(sum, weightScales[f] * scale, y[f]);
            }
        }
        return y;
    }

    /// <summary>A block of a row as codes, with their scale.</summary>
    private static (int[] Codes, float Scale) Quantize(ReadOnlySpan<float> values)
    {
        var largest = 0f;
        foreach (var value in values)
            largest = Math.Max(largest, MathF.Abs(value));
        var inverse = largest > 0 ? 127 / largest : 0;
        return (Array.ConvertAll(values.ToArray(), value => (int)MathF.Round(value * inverse)), largest / 127);
    }

    private static int CodeAt(BlockCodes stack, long start, int row, int column, int width)
    {
        if (stack.Codes.Type == ElementType.Int8)
            return MemoryMarshal.Cast<byte, sbyte>(stack.Codes.Data)[(int)(start + row * width + column)];
        var pair = stack.Codes.Data[start + row / 2 * width + column];
        return (row % 2 == 0 ? pair & 15 : pair >> 4) - 8;
    }
}
