using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>The gradient of every differentiable operator is what finite differences in double give.</summary>
public class GradientTests
{
    private const double Step = 1e-5;
    private const double Tolerance = 1e-5;

    /// <summary>Coordinates tried of each input.</summary>
    private const int Tried = 6;

    public static TheoryData<string> Operators() => new(OpCases.ByOp.Where(group => group.Any(IsDifferentiable)).Select(group => group.Key));

    [Theory]
    [MemberData(nameof(Operators))]
    public void IsTheLimitOfFiniteDifferences(string op)
    {
        using var scope = NewDisposeScope();
        foreach (var one in OpCases.ByOp[op].Where(IsDifferentiable))
            Check(one);
    }

    private static bool IsDifferentiable(OpCase one) =>
        one.Smooth && one.Inputs.Any(i => i is { Type: ElementType.Float, Count: > 0 })
        && one.Op is not ("Cast" or "EyeLike" or "Shape" or "Size" or "NonZero" or "IsNaN" or "IsInf" or "ArgMax" or "ArgMin" or "Hardmax"
            or "Equal" or "Less" or "LessOrEqual" or "Greater" or "GreaterOrEqual");

    private static void Check(OpCase one)
    {
        using var scope = NewDisposeScope();
        var ops = new TorchOps(training: true);
        var inputs = Array.ConvertAll(one.Inputs, input => input is null ? null : Double(input));
        var leaves = Array.ConvertAll(inputs, input => input is { Type: ElementType.Double } ? TorchTensors.ToTorch(input).requires_grad_() : null);
        var loss = Loss(ops, one, Enumerable.Range(0, inputs.Length).Select(i => leaves[i] is { } leaf ? ops.Value(leaf) : inputs[i] is { } host ? ops.Constant(host) : null).ToArray());
        if (!loss.requires_grad)
            throw new InvalidOperationException($"{one}: the result has no gradient.");
        loss.backward();

        var random = new Random(1);
        for (var i = 0; i < inputs.Length; i++)
        {
            if (leaves[i] is not { } leaf || inputs[i]!.Count == 0)
                continue;
            var gradient = leaf.grad is { } grad ? TorchTensors.ToHost(grad).AsSpan<double>().ToArray() : new double[inputs[i]!.Count];
            for (var n = 0; n < Math.Min(Tried, gradient.Length); n++)
            {
                var at = random.Next(gradient.Length);
                var slope = (Shifted(one, inputs, i, at, Step) - Shifted(one, inputs, i, at, -Step)) / (2 * Step);
                Assert.True(Math.Abs(slope - gradient[at]) <= Tolerance * (1 + Math.Abs(slope)), $"{one}: input {i}, element {at}: gradient {gradient[at]}, finite differences {slope}.");
            }
        }
    }

    private static double Shifted(OpCase one, HostTensor?[] inputs, int input, int element, double by)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var ops = new TorchOps(training: true);
        var values = Array.ConvertAll(inputs, host => host is null ? null : ops.Constant(host));
        var moved = new HostTensor(ElementType.Double, inputs[input]!.Shape, [.. inputs[input]!.Data]);
        moved.AsSpan<double>()[element] += by;
        values[input] = ops.Constant(moved);
        return Loss(ops, one, values).item<double>();
    }

    /// <summary>A sum of all floating outputs with different factors, so that no error cancels.</summary>
    private static Tensor Loss(TorchOps ops, OpCase one, Value?[] values)
    {
        var loss = zeros([], ScalarType.Float64);
        foreach (var result in ops.Apply(one.Op, values, one.Attributes, one.Outputs).Select(TorchOps.TensorOf).Where(t => t.dtype == ScalarType.Float64))
            loss = loss.add(result.mul(arange(0, result.numel(), dtype: ScalarType.Float64).mul((Scalar)0.7).cos().reshape(result.shape)).sum());
        return loss;
    }

    private static HostTensor Double(HostTensor input) => input.Type == ElementType.Float
        ? Draw.Numbers(ElementType.Double, input.Shape, Numbers.Of(input))
        : input;
}
