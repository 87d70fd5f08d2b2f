using MathNet.Numerics.LinearAlgebra;

namespace OnnxMoe.Trainer.Growth;

/// <summary>Coefficient vectors of weight templates.</summary>
public static class TemplateCoefficients
{
    /// <summary>Members x templates whose columns are orthonormal, or whose rows are where there are more templates than members.</summary>
    public static double[][] SemiOrthogonal(int members, int templates, Random random)
    {
        var (rows, columns) = (Math.Max(members, templates), Math.Min(members, templates));
        var q = Matrix<double>.Build.Dense(rows, columns, (_, _) => Normal(random)).QR(MathNet.Numerics.LinearAlgebra.Factorization.QRMethod.Thin).Q;
        return [.. Enumerable.Range(0, members).Select(member => Enumerable.Range(0, templates).Select(template => members >= templates ? q[member, template] : q[template, member]).ToArray())];
    }

    /// <summary>The unit vector with the least sum of squared products with some others: orthogonal to them where there is room.</summary>
    public static double[] LeastAlike(IReadOnlyList<double[]> others) =>
        [.. Matrix<double>.Build.DenseOfRowArrays(others).Svd(computeVectors: true).VT.Row(others[0].Length - 1)];

    /// <summary>A random unit vector.</summary>
    public static double[] Direction(int size, Random random)
    {
        double[] vector = [.. Enumerable.Range(0, size).Select(_ => Normal(random))];
        var length = Math.Sqrt(vector.Sum(value => value * value));
        return [.. vector.Select(value => value / length)];
    }

    internal static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
