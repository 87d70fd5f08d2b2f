using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Darts;

public class SharpnessProbeTests
{
    /// <summary>Half of w H w over two weights, H being made of chosen eigenvalues in a rotated basis.</summary>
    [Theory]
    [InlineData(new[] { 3.0, 1, 0.5, 0.1, 0.2 }, 3.0)]
    [InlineData(new[] { 0.5, -4.0, 1, 2, 0 }, -4.0)]
    public void OfAQuadraticLossItFindsTheTopEigenvalue(double[] eigenvalues, double top)
    {
        var scope = new LayerScope(5);
        var (first, second) = (scope.Normal("first", 1, 3), scope.Normal("second", 1, 1, 2));
        using var mirror = tensor([1f, 2, -1, 0.5f, 1]).unsqueeze(1);
        using var rotation = eye(5) - mirror.matmul(mirror.t()) * 2 / mirror.square().sum();
        using var hessian = rotation.matmul(diag(tensor(Array.ConvertAll(eigenvalues, value => (float)value)))).matmul(rotation.t());
        Tensor Loss()
        {
            var w = cat([first.Parameter, second.Parameter.reshape(2)]);
            return w.matmul(hessian).matmul(w) * 0.5;
        }
        var before = new[] { first, second }.SelectMany(Toy.Values).ToArray();
        var probe = new SharpnessProbe([first, second], Loss);
        Assert.InRange(probe.TopEigenvalue(iterations: 40) / top, 0.99, 1.01);
        Assert.Equal(before, new[] { first, second }.SelectMany(Toy.Values));
        Assert.Null(first.Parameter.grad);
    }

    /// <summary>Half of |w|^2: a move of a share r of the norm up the gradient gains ((1 + r)^2 - 1) |w|^2 / 2, random ones r^2 |w|^2 / 2 on average.</summary>
    [Fact]
    public void GainsAreThoseOfMovesByAShareOfTheNorm()
    {
        var weight = new LayerScope(6).Normal("w", 1, 50);
        var probe = new SharpnessProbe([weight], () => weight.Parameter.square().sum() * 0.5);
        var half = Toy.Values(weight).Sum(value => value * value / 2.0);
        Assert.Equal((1.5 * 1.5 - 1) * half, probe.Ascent(0.5), 1e-3 * half);
        Assert.InRange(probe.Random(0.5, 400, seed: 3) / half, 0.2, 0.3);
        Assert.Equal(probe.Random(0.5, 4, seed: 3), probe.Random(0.5, 4, seed: 3));
        Assert.NotEqual(probe.Random(0.5, 4, seed: 3), probe.Random(0.5, 4, seed: 4));
    }
}
