using MathNet.Numerics.LinearAlgebra;
using OnnxMoe.Search.Predictors;

namespace OnnxMoe.Search.Tests;

public class PredictorTests
{
    [Fact]
    public void RidgeIsTheClosedForm()
    {
        var random = new Random(4);
        var (features, labels) = Examples(random, 30, 8);
        var x = Matrix<double>.Build.DenseOfRowArrays(features).InsertColumn(8, Vector<double>.Build.Dense(30, 1.0));
        foreach (var (penalty, ridge) in new[] { 0.1, 2, 10 }.Zip(Ridge.Fit(features, labels, [0.1, 2, 10])))
        {
            var penalties = Matrix<double>.Build.DenseDiagonal(9, penalty);
            penalties[8, 8] = 0; // the intercept is free
            var weights = ((x.Transpose() * x) + penalties).Solve(x.Transpose() * Vector<double>.Build.Dense(labels));
            foreach (var example in features)
                Assert.Equal(weights * Vector<double>.Build.Dense([.. example, 1]), ridge.Predict(example), 1e-8);
        }
    }

    [Fact]
    public void SupportVectorsSolveTheirQuadraticProgram()
    {
        var random = new Random(5);
        for (var round = 0; round < 20; round++)
        {
            var (features, labels) = Examples(random, 12, 4);
            const double gamma = 0.25, tube = 0.1;
            double[][] kernel = [.. features.Select(a => features.Select(b => Math.Exp(-gamma * a.Zip(b).Sum(pair => Math.Pow(pair.First - pair.Second, 2)))).ToArray())];
            double Dual(double[] c) => (0.5 * c.Select((a, i) => c.Select((b, j) => a * b * kernel[i][j]).Sum()).Sum()) - c.Zip(labels).Sum(pair => pair.First * pair.Second) + (tube * c.Sum(Math.Abs));
            foreach (var (cost, svr) in new[] { 1.0, 5, 20 }.Zip(SupportVectorRegression.Fit(features, labels, [1.0, 5, 20], tube, gamma)))
            {
                Assert.Equal(0, svr.Coefficients.Sum(), 1e-9);
                Assert.All(svr.Coefficients, c => Assert.InRange(c, -cost - 1e-9, cost + 1e-9));
                // Inside the bounds an error is the tube; at a bound it may be larger; without weight it is smaller.
                for (var i = 0; i < features.Length; i++)
                {
                    var (c, error) = (svr.Coefficients[i], labels[i] - svr.Predict(features[i]));
                    if (c > 1e-9)
                        Assert.True(c > cost - 1e-9 ? error > tube - 2e-3 : Math.Abs(error - tube) < 2e-3, $"{c} {error}");
                    else if (c < -1e-9)
                        Assert.True(c < -cost + 1e-9 ? error < -tube + 2e-3 : Math.Abs(error + tube) < 2e-3, $"{c} {error}");
                    else
                        Assert.InRange(Math.Abs(error), 0, tube + 2e-3);
                }
                Assert.Equal(Dual(Reference(kernel, labels, cost, tube)), Dual(svr.Coefficients), 1e-4 * Math.Max(1, Math.Abs(Dual(svr.Coefficients))));
            }
        }
    }

    /// <summary>The coefficients of the least dual value, found by minimizing it over pairs of them by ternary search, again and again.</summary>
    private static double[] Reference(double[][] kernel, double[] labels, double cost, double tube)
    {
        var c = new double[labels.Length];
        for (var sweep = 0; sweep < 300; sweep++)
        {
            for (var i = 0; i < c.Length; i++)
            {
                for (var j = 0; j < i; j++)
                {
                    var slope = kernel[i].Zip(c).Sum(pair => pair.First * pair.Second) - kernel[j].Zip(c).Sum(pair => pair.First * pair.Second) - labels[i] + labels[j];
                    double Change(double t) => (0.5 * t * t * (kernel[i][i] + kernel[j][j] - (2 * kernel[i][j]))) + (t * slope)
                        + (tube * (Math.Abs(c[i] + t) - Math.Abs(c[i]) + Math.Abs(c[j] - t) - Math.Abs(c[j])));
                    var (low, high) = (Math.Max(-cost - c[i], c[j] - cost), Math.Min(cost - c[i], c[j] + cost));
                    for (var step = 0; step < 60; step++)
                    {
                        var (a, b) = (low + ((high - low) / 3), high - ((high - low) / 3));
                        (low, high) = Change(a) < Change(b) ? (low, b) : (a, high);
                    }
                    if (Change(low) < 0)
                        (c[i], c[j]) = (c[i] + low, c[j] - low);
                }
            }
        }
        return c;
    }

    [Theory]
    [InlineData(83.4, 1)]
    [InlineData(0.0212, 1e-3)]
    [InlineData(-9.9, 0.1)]
    [InlineData(0, 1)]
    public void LabelsAreDividedByAPowerOfTen(double largest, double scale) => Assert.Equal(scale, TunedPredictor.ScaleOf([0, largest]), 12);

    [Fact]
    public void TheTunedPredictorOrdersWhatItHasNotSeen()
    {
        var random = new Random(6);
        var examples = Enumerable.Range(0, 60).Select(_ => Toy.Space.Random(random)).ToArray();
        var unseen = Enumerable.Range(0, 60).Select(_ => Toy.Space.Random(random)).ToArray();
        var predictor = TunedPredictor.Fit([.. examples.Select(OneHotFeatures.Of)], [.. examples.Select(a => Toy.Objectives(a)[0])], seed: 1);
        var predicted = predictor.Predict([.. unseen.Select(OneHotFeatures.Of)]);
        Assert.True(RankMetrics.Spearman(predicted, [.. unseen.Select(a => Toy.Objectives(a)[0])]) > 0.9, predictor.Name);
        Assert.InRange(predictor.Error, 0, 0.05);
    }

    [Fact]
    public void RankMetricsAreThoseOfTheirDefinitions()
    {
        double[] a = [1, 2, 3, 4], b = [1, 3, 2, 4];
        Assert.Equal(4.0 / 6, RankMetrics.Kendall(a, b), 12);
        Assert.Equal(0.8, RankMetrics.Spearman(a, b), 12);
        Assert.Equal(-1, RankMetrics.Kendall(a, [.. a.Reverse()]), 12);
        Assert.Equal(2 / Math.Sqrt(2 * 3), RankMetrics.Kendall([1, 1, 2], [1, 2, 3]), 12); // a tie in one list
        Assert.True(double.IsNaN(RankMetrics.Kendall([1, 1], [1, 2])));
    }

    private static (double[][] Features, double[] Labels) Examples(Random random, int count, int width)
    {
        double[][] features = [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, width).Select(_ => random.NextDouble()).ToArray())];
        return (features, [.. features.Select(x => (3 * x[0]) - (2 * x[1] * x[2]) + (0.2 * random.NextDouble()))]);
    }
}
