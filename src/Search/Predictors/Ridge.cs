using System.Globalization;
using MathNet.Numerics.LinearAlgebra;

namespace OnnxMoe.Search.Predictors;

/// <summary>Linear regression with a penalty on the square of its weights, not on the intercept (Hoerl and Kennard 1970).</summary>
public sealed class Ridge : Predictor
{
    private readonly double _penalty;
    private readonly double _intercept;
    private readonly double[] _weights;

    private Ridge(double penalty, double[] weights, double intercept) => (_penalty, _weights, _intercept) = (penalty, weights, intercept);

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"ridge, penalty {_penalty:0.##}");

    /// <summary>One predictor for each penalty, from one decomposition.</summary>
    public static IEnumerable<Ridge> Fit(IReadOnlyList<double[]> features, IReadOnlyList<double> labels, IEnumerable<double> penalties)
    {
        var x = Matrix<double>.Build.DenseOfRowArrays(features);
        var means = x.ColumnSums() / x.RowCount;
        var mean = labels.Average();
        for (var row = 0; row < x.RowCount; row++)
            x.SetRow(row, x.Row(row) - means);
        var svd = x.Svd();
        var rotated = svd.U.TransposeThisAndMultiply(Vector<double>.Build.DenseOfEnumerable(labels.Select(label => label - mean)));
        foreach (var penalty in penalties)
        {
            var scaled = Vector<double>.Build.Dense(x.ColumnCount);
            for (var i = 0; i < svd.S.Count; i++)
                scaled[i] = svd.S[i] * rotated[i] / ((svd.S[i] * svd.S[i]) + penalty);
            var weights = svd.VT.TransposeThisAndMultiply(scaled);
            yield return new Ridge(penalty, [.. weights], mean - (weights * means));
        }
    }

    public override double Predict(ReadOnlySpan<double> features)
    {
        var sum = _intercept;
        for (var i = 0; i < _weights.Length; i++)
            sum += _weights[i] * features[i];
        return sum;
    }
}
