using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Artifacts.Tests.Tensors;

/// <summary>Codes against what a plain loop over single weights gives.</summary>
public sealed class BlockCodesTests
{
    [Theory]
    [InlineData(8, 32, 3)]
    [InlineData(8, 45, 2)]
    [InlineData(8, 1, 1)]
    [InlineData(4, 64, 3)]
    [InlineData(4, 33, 4)]
    [InlineData(4, 7, 1)]
    public void EveryWeightHasTheNearestCodeOfItsBlock(int bits, int depth, int width)
    {
        const int matrices = 2;
        var random = new Random(depth);
        var weights = Enumerable.Range(0, matrices * depth * width).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray();
        var stored = BlockCodes.Quantize(HostTensor.From(weights, matrices, depth, width), bits);
        Assert.Equal(bits == 8 ? [matrices, depth, width] : [matrices, (depth + 1L) / 2, width], stored.Codes.Shape);
        Assert.Equal([matrices, (depth + 31L) / 32, width], stored.Scales.Shape);
        var numbers = stored.Dequantize(depth).AsSpan<float>().ToArray();
        for (var m = 0; m < matrices; m++)
        {
            for (var f = 0; f < width; f++)
            {
                for (var d = 0; d < depth; d++)
                {
                    float At(int row) => weights[(m * depth + row) * width + f];
                    var block = Enumerable.Range(d / 32 * 32, Math.Min(32, depth - d / 32 * 32)).Select(At).ToArray();
                    var largest = block.MaxBy(MathF.Abs);
                    var scale = (float)(Half)(bits == 8 ? MathF.Abs(largest) / 127 : largest / -8);
                    var code = bits == 8 ? Math.Clamp(MathF.Round(At(d) / scale), -127, 127) : Math.Clamp(MathF.Round(At(d) / scale), -8, 7);
                    Assert.Equal(code, Code(stored.Codes, bits, m, d, f));
                    Assert.Equal(scale, stored.Scales.AsSpan<float>()[(m * ((depth + 31) / 32) + d / 32) * width + f]);
                    Assert.Equal(code * scale, numbers[(m * depth + d) * width + f]);
                    // A 4 bit block reaches to 7 of its 8 steps on the side that its largest element is not on.
                    Assert.InRange(MathF.Abs(code * scale - At(d)), 0, MathF.Abs(scale) * (bits == 8 ? 0.55f : 1.01f));
                }
            }
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(4)]
    public void ZerosStayZerosAndWhatIsNoNumberStaysNone(int bits)
    {
        var weights = new float[40 * 2];
        weights[35 * 2 + 1] = float.NaN;
        weights[36 * 2 + 1] = 3;
        var numbers = BlockCodes.Quantize(HostTensor.From(weights, 40, 2), bits).Dequantize(40).AsSpan<float>().ToArray();
        for (var i = 0; i < numbers.Length; i++)
            Assert.Equal(i >= 64 && i % 2 == 1 ? float.NaN : 0, numbers[i]);
    }

    [Fact]
    public void TheLastHalfByteOfAnOddDepthIsZero()
    {
        var stored = BlockCodes.Quantize(HostTensor.From(new float[] { -8, 7, 1 }, 3, 1), 4);
        Assert.Equal([0xF0, 0x89], stored.Codes.Data);
        Assert.Equal([1f], stored.Scales.AsSpan<float>().ToArray());
    }

    [Fact]
    public void ScalesBeyondFloat16AreItsLargest()
    {
        var stored = BlockCodes.Quantize(HostTensor.From(new[] { -1e30f, 1 }, 2, 1), 4);
        Assert.Equal([65504f], stored.Scales.AsSpan<float>().ToArray());
        Assert.Equal([-8 * 65504f, 0], stored.Dequantize(2).AsSpan<float>().ToArray());
    }

    [Fact]
    public void NothingIsNothing()
    {
        var stored = BlockCodes.Quantize(HostTensor.From(Array.Empty<float>(), 0, 5, 4), 8);
        Assert.Empty(stored.Codes.Data);
        Assert.Equal([0L, 5, 4], stored.Dequantize(5).Shape);
    }

    private static float Code(HostTensor codes, int bits, int m, int d, int f)
    {
        var (rows, width) = ((int)codes.Shape[1], (int)codes.Shape[2]);
        if (bits == 8)
            return codes.AsSpan<sbyte>()[(m * rows + d) * width + f];
        var pair = codes.Data[(m * rows + d / 2) * width + f];
        return (d % 2 == 0 ? pair % 16 : pair / 16) - 8;
    }
}
