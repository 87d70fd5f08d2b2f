using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

public sealed class GroupedLinearTests
{
    [Theory]
    [CombinedFlags]
    public void Every_variant_agrees_with_the_loop(bool perPick, bool bias, bool weighted, bool half, bool constant)
    {
        Agrees(6, 3, 4, 19, 37, perPick, bias, weighted, half, constant);
        Agrees(50, 2, 3, 65, 64, perPick, bias, weighted, half, constant);
    }

    [Theory]
    [InlineData(0, 2, 3, 8, 8)]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(9, 0, 2, 5, 6)]
    [InlineData(400, 1, 1, 96, 130)]
    public void Any_size(int tokens, int picks, int experts, int depth, int width)
    {
        Agrees(tokens, picks, experts, depth, width, perPick: true, bias: true, weighted: false, half: false, constant: true);
        Agrees(tokens, picks, experts, depth, width, perPick: false, bias: true, weighted: true, half: false, constant: true);
    }

    [Fact]
    public void The_output_shape_is_inferred()
    {
        var inputs = Inputs(2, 3, 4, 5, 6, perPick: false, bias: false, weighted: false, half: false);
        using (var session = Session(inputs, perPick: false, constant: true))
        {
            Assert.Equal(["indices_0", "indices_1", ""], session.InferredShape.Names);
            Assert.Equal([-1, -1, 6], session.InferredShape.Sizes);
        }
        inputs = Inputs(2, 3, 4, 5, 6, perPick: false, bias: false, weighted: true, half: false);
        using (var session = Session(inputs, perPick: false, constant: true))
        {
            Assert.Equal(["indices_0", ""], session.InferredShape.Names);
            Assert.Equal([-1, 6], session.InferredShape.Sizes);
        }
    }

    [Fact]
    public void Mistakes_are_named()
    {
        var inputs = Inputs(2, 3, 4, 5, 6, perPick: false, bias: true, weighted: false, half: false);
        using var session = Session(inputs, perPick: true, constant: true);
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run(inputs));
        Assert.Contains("GroupedLinear 'node': x has the shape [2,5], but must be [T,K,D] = [2,3,5]", error.Message);

        inputs[1].Tensor!.AsSpan<long>()[0] = 4;
        using var second = Session(inputs, perPick: false, constant: true);
        error = Assert.Throws<OnnxRuntimeException>(() => second.Run(inputs));
        Assert.Contains("indices[0,0] is 4", error.Message);
    }

    private static (string Name, HostTensor? Tensor)[] Inputs(int tokens, int picks, int experts, int depth, int width, bool perPick, bool bias, bool weighted, bool half)
    {
        var some = new Some(tokens + depth);
        var matrix = some.Floats(1 / Math.Sqrt(depth), experts, depth, width);
        return
        [
            ("x", perPick ? some.Floats(2, tokens, picks, depth) : some.Floats(2, tokens, depth)), ("indices", some.Indices(experts, 0.2, tokens, picks)),
            ("matrix", half ? Some.Halves(matrix) : matrix), ("bias", bias ? some.Floats(1, experts, width) : null),
            ("weights", weighted ? some.Floats(1, tokens, picks) : null),
        ];
    }

    private static KernelSession Session((string Name, HostTensor? Tensor)[] inputs, bool perPick, bool constant) =>
        new(OneNodeModel.Build("GroupedLinear", inputs, constant ? new HashSet<string> { "matrix", "bias" } : [], ("per_pick", perPick ? 1 : 0)), threads: 2);

    private static void Agrees(int tokens, int picks, int experts, int depth, int width, bool perPick, bool bias, bool weighted, bool half, bool constant)
    {
        var inputs = Inputs(tokens, picks, experts, depth, width, perPick, bias, weighted, half);
        using var session = Session(inputs, perPick, constant);
        var (shape, values) = session.Run(inputs);
        Assert.Equal(weighted ? [tokens, width] : [tokens, picks, width], shape);
        Near.Assert(Reference(inputs, perPick), values);
    }

    private static double[] Reference((string Name, HostTensor? Tensor)[] inputs, bool perPick)
    {
        var x = inputs[0].Tensor!.AsSpan<float>();
        var (indices, matrix) = (inputs[1].Tensor!, inputs[2].Tensor!);
        HostTensor? bias = inputs[3].Tensor, weights = inputs[4].Tensor;
        int tokens = (int)indices.Shape[0], picks = (int)indices.Shape[1], depth = (int)matrix.Shape[1], width = (int)matrix.Shape[2];
        var y = new double[tokens * (weights is null ? picks : 1) * width];
        for (var p = 0; p < tokens * picks; p++)
        {
            var e = (int)indices.AsSpan<long>()[p];
            if (e < 0)
                continue;
            for (var f = 0; f < width; f++)
            {
                double sum = bias?.AsSpan<float>()[e * width + f] ?? 0;
                for (var d = 0; d < depth; d++)
                {
                    var at = (e * depth + d) * width + f;
                    sum += x[(perPick ? p : p / picks) * depth + d] * (matrix.Type == ElementType.Float16 ? (double)matrix.AsSpan<Half>()[at] : matrix.AsSpan<float>()[at]);
                }
                y[(weights is null ? p : p / picks) * width + f] += (weights?.AsSpan<float>()[p] ?? 1) * sum;
            }
        }
        return y;
    }
}
