using MathNet.Numerics.LinearAlgebra;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Quantization;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Quantization;

public class QuantizerTests
{
    private static float[] Normal(int seed, int count) => Some.Floats(Some.Normal(new TorchOps(), seed, count));

    [Theory]
    [InlineData(-3f, 5f)]
    [InlineData(0.5f, 2f)]
    [InlineData(-4f, -1f)]
    [InlineData(-0.013f, 1e-3f)]
    public void NothingInARangeMovesByMoreThanHalfAStepAndZeroStays(float least, float most)
    {
        foreach (var symmetric in new[] { false, true })
            for (var bits = 2; bits <= 8; bits++)
            {
                var range = AffineRange.Of(least, most, bits, symmetric);
                Assert.Equal(0, range.Number(range.Zero));
                Assert.Equal(range.Zero, range.Code(0, bits));
                for (var i = 0; i <= 1000; i++)
                {
                    var x = least + ((most - least) * i / 1000);
                    Assert.InRange(Math.Abs(range.Number(range.Code(x, bits)) - x), 0, (range.Scale / 2) + 1e-6f);
                }
                if (symmetric)
                    Assert.Equal(1 << (bits - 1), range.Zero);
            }
    }

    [Fact]
    public void ARangeOfNothingButZeroHasScaleOne()
    {
        Assert.Equal(new AffineRange(1, 0), AffineRange.Of(0, 0, 8, symmetric: false));
        Assert.Equal(new AffineRange(1, 128), AffineRange.Of(0, 0, 8, symmetric: true));
        Assert.Throws<ArgumentException>(() => AffineRange.Of(float.NaN, 1, 8, false));
        Assert.Throws<ArgumentException>(() => AffineRange.Of(0, 1, 9, false));
    }

    [Theory]
    [InlineData(2, 4, false)]
    [InlineData(3, 4, false)]
    [InlineData(4, 12, false)]
    [InlineData(8, 12, true)]
    public void EveryGroupOfAnOutputHasARangeOfItsOwn(int bits, int group, bool symmetric)
    {
        var matrix = Normal(1, 12 * 5);
        for (var i = 0; i < matrix.Length; i++)
            matrix[i] *= 1 + (i % 5) + (i / 5 / group * 10);
        var quantized = QuantizedMatrix.RoundToNearest(matrix, 12, bits, group, symmetric);
        var numbers = quantized.Numbers();
        for (var output = 0; output < 5; output++)
            for (var input = 0; input < 12; input++)
            {
                var range = quantized.RangeAt(input, output);
                var same = Enumerable.Range(input / group * group, group).Select(i => matrix[(i * 5) + output]).ToArray();
                Assert.Equal(AffineRange.Of(same.Min(), same.Max(), bits, symmetric), range);
                Assert.InRange(Math.Abs(numbers[(input * 5) + output] - matrix[(input * 5) + output]), 0, (range.Scale / 2) + 1e-5f);
            }
        Assert.Contains("do not divide 12", Assert.Throws<ArgumentException>(() => QuantizedMatrix.RoundToNearest(matrix, 12, bits, 5, false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WithUnrelatedInputsGptqRoundsToNearest()
    {
        var matrix = Normal(2, 16 * 7);
        var expected = QuantizedMatrix.RoundToNearest(matrix, 16, 3, 8, false);
        var actual = Gptq.Quantize(matrix, Matrix<double>.Build.DenseIdentity(16) * 5, 3, 8, false);
        Assert.Equal(expected.Codes, actual.Codes);
        Assert.Equal(expected.Scales, actual.Scales);
        Assert.Equal(expected.Zeros, actual.Zeros);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void WithRelatedInputsGptqLosesLess(int bits)
    {
        for (var seed = 1; seed <= 5; seed++)
        {
            // Inputs that are mixtures of a few sources.
            var sources = Matrix<double>.Build.Dense(200, 6, [.. Normal(seed, 1200).Select(x => (double)x)]);
            var mixing = Matrix<double>.Build.Dense(6, 32, [.. Normal(seed + 10, 192).Select(x => (double)x)]);
            var x = (sources * mixing) + (Matrix<double>.Build.Dense(200, 32, [.. Normal(seed + 20, 6400).Select(v => (double)v)]) * 0.1);
            var matrix = Normal(seed + 30, 32 * 8);
            double Loss(QuantizedMatrix quantized) => (x * Matrix<double>.Build.Dense(32, 8, (i, j) => matrix[(i * 8) + j] - quantized.Numbers()[(i * 8) + j])).FrobeniusNorm();
            Assert.True(Loss(Gptq.Quantize(matrix, x.TransposeThisAndMultiply(x), bits, 16, false)) < Loss(QuantizedMatrix.RoundToNearest(matrix, 32, bits, 16, false)));
        }
    }

    [Theory]
    [InlineData(2, 8)]
    [InlineData(3, 8)]
    [InlineData(3, 13)]
    [InlineData(4, 12)]
    [InlineData(4, 7)]
    [InlineData(5, 6)]
    [InlineData(7, 9)]
    [InlineData(8, 3)]
    public void PackedCodesTakeTheirBitsAndComeBack(int bits, int rows)
    {
        var random = new Random(bits);
        var codes = Enumerable.Range(0, rows * 5).Select(_ => (byte)random.Next(1 << bits)).ToArray();
        var packed = PackedCodes.Pack(codes, rows, bits);
        if (rows % 8 == 0)
            Assert.Equal(rows * 5 * bits / 8, packed.Sum(plane => plane.Data.Length));
        var ops = new TorchOps();
        var unpacked = ((TorchValue)PackedCodes.Unpack([.. packed.Select(ops.Constant)], rows, 5, bits)).ToHost();
        Assert.Equal((ElementType.UInt8, $"{rows},5"), (unpacked.Type, string.Join(',', unpacked.Shape)));
        Assert.Equal(codes, unpacked.Data);
    }

    [Fact]
    public void EntropyClipsOutliersAndMinMaxDoesNot()
    {
        var (entropy, everything) = (RangeCalibrator.Of("entropy"), RangeCalibrator.Of("minmax"));
        for (var part = 0; part < 10; part++)
        {
            var numbers = Normal(part, 2000);
            if (part > 0) // the first portion does not know yet how far it goes
                (numbers[0], numbers[1]) = (50, -50);
            entropy.Observe(numbers);
            everything.Observe(numbers);
        }
        Assert.Equal((-50f, 50f), everything.Range);
        var (least, most) = entropy.Range;
        Assert.InRange(most, 2, 10);
        Assert.Equal(-least, most);
        Assert.Throws<ArgumentException>(() => entropy.Observe([float.NaN]));
    }

    [Fact]
    public void EntropyKeepsARangeWithoutOutliers()
    {
        var calibrator = new EntropyCalibrator();
        calibrator.Observe([.. Enumerable.Range(0, 20000).Select(i => i / 20000f)]);
        Assert.Equal(0, calibrator.Range.Least);
        Assert.InRange(calibrator.Range.Most, 0.9f, 1);
        var silent = new EntropyCalibrator();
        silent.Observe([0, 0]);
        Assert.Equal((0f, 0f), silent.Range);
    }

    [Fact]
    public void GradientsPassRoundingUnlessClipped()
    {
        var ops = new TorchOps(training: true);
        using var leaf = torch.tensor(new float[] { -3, -0.26f, 0.1f, 0.74f, 100 }).requires_grad_();
        var rounded = ops.Value(leaf).FakeQuantize(ops.Constant(HostTensor.Scalar(0.5f)), ops.Constant(HostTensor.Scalar((byte)2)), last: 15);
        Assert.Equal([-1, -0.5f, 0, 0.5f, 6.5f], Some.Floats(rounded));
        TorchOps.TensorOf(rounded).mul(torch.tensor(new float[] { 1, 2, 3, 4, 5 })).sum().backward();
        Assert.Equal([0, 2, 3, 4, 0], leaf.grad!.data<float>().ToArray());
        var evaluation = new TorchOps();
        var x = Some.Normal(evaluation, 4, 3, 6);
        var (scale, zero) = (evaluation.Constant(HostTensor.From([.1f, .2f, .3f, .01f, .05f, .4f])), evaluation.Constant(HostTensor.From<byte>([3, 200, 128, 0, 255, 90])));
        var training = ops.Constant(((TorchValue)x).ToHost()).FakeQuantize(ops.Constant(((TorchValue)scale).ToHost()), ops.Constant(((TorchValue)zero).ToHost()));
        Assert.All(Some.Floats(x.FakeQuantize(scale, zero)).Zip(Some.Floats(training)), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }
}
