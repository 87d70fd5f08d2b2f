using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>Dense products.</summary>
public sealed class LinearTests
{
    [Theory]
    [CombinedFlags]
    public void Linear_agrees_with_the_loop(bool half, bool constant, bool two)
    {
        foreach (var (rows, depth, width) in new[] { (0, 5, 3), (1, 1, 1), (1, 19, 37), (7, 64, 16), (40, 33, 65), (300, 20, 17), (1, 21, Wide), (2, 21, Wide), (3, 21, Wide), (5, 21, Wide) })
        {
            var inputs = Inputs(half, [rows, depth], width);
            using var session = Session(inputs, constant ? Matrices : None, two ? 2 : 1);
            var (shape, values) = session.Run(inputs);
            Assert.Equal([rows, width], shape);
            Near.Assert(Reference(inputs[0].Tensor!, inputs[1].Tensor!), values);
        }
    }

    [Theory]
    [InlineData(false, 70)]
    [InlineData(true, 70)]
    [InlineData(false, Wide)]
    [InlineData(true, Wide)]
    public void A_row_gets_the_same_bits_in_any_company(bool half, int width)
    {
        var inputs = Inputs(half, [50, 90], width);
        using var session = Session(inputs, Matrices, threads: 2);
        var together = session.Run(inputs).Values;
        foreach (var row in new[] { 0, 7, 43 })
            for (var rows = 1; rows <= 7; rows++)
            {
                var x = HostTensor.From(inputs[0].Tensor!.AsSpan<float>().Slice(row * 90, rows * 90).ToArray(), rows, 90);
                Assert.Equal(together[(row * width)..((row + rows) * width)], session.Run([("x", x)]).Values);
            }
    }

    [Fact]
    public void The_outputs_have_the_shape_of_x_but_for_the_last_size()
    {
        var inputs = Inputs(half: false, [2, 3, 8], 5);
        using var session = Session(inputs, Matrices);
        Assert.Equal(["x_0", "x_1", ""], session.InferredShape.Names);
        Assert.Equal(5, session.InferredShape.Sizes[2]);
    }

    [Fact]
    public void A_wrong_shape_is_named()
    {
        var inputs = Inputs(half: false, [2, 8], 5);
        inputs[1].Tensor = new Some(1).Floats(1, 7, 6);
        using var session = Session(inputs, Matrices);
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run(inputs));
        Assert.Contains("Linear 'node': matrix has the shape [7,6], but must be [D,F] = [8,-1] (-1: any size)", error.Message);
    }

    /// <summary>So wide that few rows meet several panels at once.</summary>
    internal const int Wide = 4100;

    internal static readonly HashSet<string> Matrices = ["matrix"];
    private static readonly HashSet<string> None = [];

    internal static (string Name, HostTensor? Tensor)[] Inputs(bool half, long[] shape, long width)
    {
        var some = new Some(5);
        var (x, matrix) = (some.Floats(2, shape), some.Floats(1 / Math.Sqrt(shape[^1]), shape[^1], width));
        return [("x", x), ("matrix", half ? Some.Halves(matrix) : matrix)];
    }

    internal static KernelSession Session((string Name, HostTensor? Tensor)[] inputs, HashSet<string> constants, int threads = 1) =>
        new(OneNodeModel.Build("Linear", inputs, constants), threads);

    internal static double[] Reference(HostTensor x, HostTensor matrix)
    {
        int depth = (int)matrix.Shape[0], width = (int)matrix.Shape[1];
        var weights = matrix.Type == ElementType.Float16 ? Array.ConvertAll(matrix.AsSpan<Half>().ToArray(), v => (double)v) : Array.ConvertAll(matrix.AsSpan<float>().ToArray(), v => (double)v);
        var rows = (int)(x.Count / depth);
        var y = new double[rows * width];
        for (var r = 0; r < rows; r++)
            for (var k = 0; k < depth; k++)
                for (var f = 0; f < width; f++)
                    y[r * width + f] += x.AsSpan<float>()[r * depth + k] * weights[k * width + f];
        return y;
    }
}
