using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>Every standard operator gives what ONNX Runtime gives, on random shapes and element types.</summary>
public class OnnxRuntimeAgreementTests
{
    /// <summary>Operators of later opsets, or that ONNX Runtime's CPU provider lacks, tested elsewhere.</summary>
    private static readonly HashSet<string> NotCompared = ["Gelu", "Mish", "CastLike", "Scatter"];

    public static TheoryData<string> Operators() => new(OpCases.ByOp.Select(group => group.Key));

    [Fact]
    public void EveryStandardOperatorHasCases()
    {
        var missing = TorchOps.Supported.Where(op => !op.Contains('.') && !NotCompared.Contains(op) && !OpCases.ByOp.Contains(op));
        Assert.Empty(missing);
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void GivesTheSameOutputs(string op)
    {
        var compared = 0;
        foreach (var one in OpCases.ByOp[op])
        {
            if (OneNode.OnnxRuntime(one) is not { } expected)
                continue;
            var actual = Compute(one);
            for (var o = 0; o < expected.Length; o++)
                Same(one, o, expected[o], actual[o]);
            compared++;
        }
        Assert.True(compared > 0, $"ONNX Runtime ran none of the cases of {op}.");
    }

    private static HostTensor[] Compute(OpCase one)
    {
        using var scope = NewDisposeScope();
        var ops = new TorchOps();
        try
        {
            var results = ops.Apply(one.Op, Array.ConvertAll(one.Inputs, input => input is null ? null : ops.Constant(input)), one.Attributes, one.Outputs);
            return Array.ConvertAll(results, value => ((TorchValue)value).ToHost());
        }
        catch (Exception problem)
        {
            throw new InvalidOperationException($"{one}: {problem.Message}", problem);
        }
    }

    private static void Same(OpCase one, int output, HostTensor expected, HostTensor actual)
    {
        Assert.True(expected.Type == actual.Type, $"{one}: output {output} is {actual}, should be {expected}.");
        Assert.True(expected.Shape.SequenceEqual(actual.Shape), $"{one}: output {output} is {actual}, should be {expected}.");
        if (!expected.Type.IsFloating())
        {
            Assert.True(expected.Data.SequenceEqual(actual.Data), $"{one}: output {output} differs.");
            return;
        }
        var (a, b) = (Numbers.Of(expected), Numbers.Of(actual));
        for (var i = 0; i < a.Length; i++)
            Assert.True(a[i].Equals(b[i]) || Math.Abs(a[i] - b[i]) <= one.Tolerance * (1 + Math.Abs(a[i])), $"{one}: output {output}, element {i}: {b[i]}, should be {a[i]}.");
    }
}
