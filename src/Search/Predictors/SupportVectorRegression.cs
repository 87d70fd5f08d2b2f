using System.Globalization;

namespace OnnxMoe.Search.Predictors;

/// <summary>
/// Support vector regression with a radial kernel exp(-gamma |a - b|^2) (Drucker et al. 1997), solved by sequential minimal optimization with second-order
/// working sets (Fan, Chen and Lin 2005).
/// </summary>
public sealed class SupportVectorRegression : Predictor
{
    /// <summary>Largest violation of the optimality conditions that is left.</summary>
    public const double Tolerance = 1e-3;

    private const double Curved = 1e-12;
    private const int MostIterations = 10_000_000;

    private readonly double _gamma;
    private readonly double _cost;
    private readonly double _offset;
    private readonly IReadOnlyList<double[]> _examples;

    private SupportVectorRegression(double gamma, double cost, IReadOnlyList<double[]> examples, double[] coefficients, double offset) =>
        (_gamma, _cost, _examples, Coefficients, _offset) = (gamma, cost, examples, coefficients, offset);

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"support vectors, cost {_cost:0.##}");

    /// <summary>Weight of each example's kernel, from -cost to cost; they sum to 0.</summary>
    public double[] Coefficients { get; }

    /// <summary>One predictor for each cost, ascending: each starts from the solution before.</summary>
    /// <param name="features">Examples.</param>
    /// <param name="labels">What they are to give.</param>
    /// <param name="costs">Weights of an error, ascending.</param>
    /// <param name="tube">Errors up to it cost nothing.</param>
    /// <param name="gamma">Of the kernel.</param>
    public static IEnumerable<SupportVectorRegression> Fit(IReadOnlyList<double[]> features, IReadOnlyList<double> labels, IEnumerable<double> costs, double tube, double gamma)
    {
        double[][] kernel = [.. features.Select(a => features.Select(b => Kernel(a, b, gamma)).ToArray())];
        // An example's coefficient is what pushes its output up less what pushes it down; the residuals are kept up to date.
        var (up, down, residuals) = (new double[features.Count], new double[features.Count], labels.ToArray());
        foreach (var cost in costs)
        {
            var offset = Solve(kernel, up, down, residuals, cost, tube);
            yield return new(gamma, cost, features, [.. up.Zip(down, (plus, minus) => plus - minus)], offset);
        }
    }

    public override double Predict(ReadOnlySpan<double> features)
    {
        var sum = _offset;
        for (var i = 0; i < Coefficients.Length; i++)
            if (Coefficients[i] != 0)
                sum += Coefficients[i] * Kernel(_examples[i], features, _gamma);
        return sum;
    }

    private static double Kernel(ReadOnlySpan<double> a, ReadOnlySpan<double> b, double gamma)
    {
        var square = 0.0;
        for (var i = 0; i < a.Length; i++)
            square += (a[i] - b[i]) * (a[i] - b[i]);
        return Math.Exp(-gamma * square);
    }

    /// <summary>Moves pairs of pushes, one coefficient up and one down, until no pair gains more than the tolerance.</summary>
    /// <returns>The offset of the outputs.</returns>
    private static double Solve(double[][] kernel, double[] up, double[] down, double[] residuals, double cost, double tube)
    {
        for (var iteration = 0; iteration < MostIterations; iteration++)
        {
            // The coefficient that gains the most by the first step up, and the one with which, moved down as much, it gains the most in all.
            var (rising, steepest) = (-1, double.NegativeInfinity);
            for (var t = 0; t < residuals.Length; t++)
            {
                var slope = down[t] > 0 ? residuals[t] + tube : up[t] < cost ? residuals[t] - tube : double.NegativeInfinity;
                if (slope > steepest)
                    (rising, steepest) = (t, slope);
            }
            var (falling, flattest, gain, difference) = (-1, double.PositiveInfinity, 0.0, 0.0);
            for (var t = 0; t < residuals.Length && rising >= 0; t++)
            {
                var slope = up[t] > 0 ? residuals[t] - tube : down[t] < cost ? residuals[t] + tube : double.PositiveInfinity;
                flattest = Math.Min(flattest, slope);
                var gap = steepest - slope;
                if (gap > 0 && gap * gap / Curvature(kernel, rising, t) is var better && better > gain)
                    (falling, gain, difference) = (t, better, gap);
            }
            if (falling < 0 || steepest - flattest < Tolerance)
                return double.IsInfinity(steepest) ? flattest : double.IsInfinity(flattest) ? steepest : (steepest + flattest) / 2;
            var step = difference / Curvature(kernel, rising, falling);
            step = Math.Min(step, down[rising] > 0 ? down[rising] : cost - up[rising]);
            step = Math.Min(step, up[falling] > 0 ? up[falling] : cost - down[falling]);
            if (down[rising] > 0)
                down[rising] -= step;
            else
                up[rising] += step;
            if (up[falling] > 0)
                up[falling] -= step;
            else
                down[falling] += step;
            for (var t = 0; t < residuals.Length; t++)
                residuals[t] -= step * (kernel[rising][t] - kernel[falling][t]);
        }
        throw new InvalidOperationException($"Support vector regression found no solution in {MostIterations} iterations.");
    }

    private static double Curvature(double[][] kernel, int a, int b) => Math.Max(kernel[a][a] + kernel[b][b] - (2 * kernel[a][b]), Curved);
}
