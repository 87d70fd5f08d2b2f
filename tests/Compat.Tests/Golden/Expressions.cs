using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Golden;

/// <summary>All expressions, by topic, over a few fixed inputs.</summary>
public static partial class Expressions
{
    /// <summary>[3, 4], positive and negative, no ties.</summary>
    private static Tensor A => Wave(0.7, 3, 4);

    /// <summary>[3, 4], between 0.1 and 1.</summary>
    private static Tensor P => Wave(1.3, 3, 4).abs() * 0.5 + 0.1;

    /// <summary>[2, 3, 4]</summary>
    private static Tensor C => Wave(0.9, 2, 3, 4);

    /// <summary>[3, 4] integers with ties and negative ones.</summary>
    private static Tensor I => tensor(new long[] { 3, -1, 4, 1, -5, 9, 2, -6, 5, 3, 5, 8 }, [3, 4]);

    /// <summary>[3, 4] truth values.</summary>
    private static Tensor M => I > 2;

    public static IEnumerable<Expression> All() =>
        [.. Arithmetic(), .. Logic(), .. Reductions(), .. Shapes(), .. Selections(), .. Products(), .. Functional(), .. Pools(), .. Making(), .. Gradients()];

    /// <summary>[2, 5, 5]: an image of two channels</summary>
    private static Tensor Image => Wave(0.37, 2, 5, 5);

    private static Expression E(string name, Func<Tensor> compute) => new(name, compute);

    private static Tensor Wave(double step, params long[] shape)
    {
        var values = new double[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
            values[i] = 1.5 * Math.Sin(step * (i + 1));
        return tensor(values, shape);
    }

    private static Tensor Set(Tensor tensor, Action<Tensor> change)
    {
        change(tensor);
        return tensor;
    }

    private static Tensor Gradient(Func<Tensor, Tensor> loss)
    {
        var x = A.requires_grad_();
        loss(x).backward();
        return x.grad!;
    }

    private static Tensor SecondOrder()
    {
        var x = A.requires_grad_();
        var first = autograd.grad([x.pow(3).sum()], [x], create_graph: true)[0];
        return autograd.grad([first.sum()], [x])[0];
    }

    private static Tensor Accumulated()
    {
        var x = A.requires_grad_();
        (x * 2).sum().backward();
        (x * 3).sum().backward();
        return x.grad!;
    }
}
