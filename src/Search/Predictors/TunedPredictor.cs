namespace OnnxMoe.Search.Predictors;

/// <summary>
/// The predictor of LINAS (Sarah et al. 2022, arXiv 2202.12954): ridge or support vector regression, whichever has the smaller mean absolute percentage error in
/// cross-validation of its own best setting, fitted to all examples. Labels are divided by a power of ten first.
/// </summary>
public sealed class TunedPredictor : Predictor
{
    /// <summary>Fewest different examples that a predictor is fitted to.</summary>
    public const int FewestExamples = 10;

    private const int Folds = 5;

    /// <summary>Smaller labels count as large as this in a percentage error; the largest is 10 or more.</summary>
    private const double SmallestLabel = 0.01;

    private readonly Predictor _inner;
    private readonly double _scale;

    private TunedPredictor(Predictor inner, double scale, double error) => (_inner, _scale, Error) = (inner, scale, error);

    public override string Name => _inner.Name;

    /// <summary>Mean absolute percentage error in cross-validation, as a fraction.</summary>
    public double Error { get; }

    public override double Predict(ReadOnlySpan<double> features) => _inner.Predict(features) * _scale;

    /// <summary>The power of ten that labels are divided by: two digits stay before the point.</summary>
    public static double ScaleOf(IEnumerable<double> labels)
    {
        var largest = labels.Max(Math.Abs);
        return largest == 0 ? 1 : Math.Pow(10, Math.Floor(Math.Log10(largest)) - 1);
    }

    /// <exception cref="ArgumentException">There are fewer than <see cref="FewestExamples"/>.</exception>
    public static TunedPredictor Fit(IReadOnlyList<double[]> features, IReadOnlyList<double> labels, int seed)
    {
        if (features.Count < FewestExamples)
            throw new ArgumentException($"A predictor needs {FewestExamples} examples, not {features.Count}.");
        var scale = ScaleOf(labels);
        double[] scaled = [.. labels.Select(label => label / scale)];
        var order = Enumerable.Range(0, features.Count).ToArray();
        new Random(seed).Shuffle(order);
        var ridge = Best(features, scaled, order, [.. Enumerable.Range(1, 100).Select(i => i / 10.0)], Ridge.Fit);
        var gamma = 1.0 / features[0].Length;
        var support = Best(features, scaled, order, [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100], (x, y, costs) => SupportVectorRegression.Fit(x, y, costs, tube: 0, gamma));
        var best = ridge.Error <= support.Error ? ridge : support;
        return new(best.Fitted, scale, best.Error);
    }

    private static (Predictor Fitted, double Error) Best(IReadOnlyList<double[]> features, double[] labels, int[] order, double[] settings,
        Func<IReadOnlyList<double[]>, IReadOnlyList<double>, IEnumerable<double>, IEnumerable<Predictor>> fit)
    {
        var errors = new double[settings.Length];
        for (var fold = 0; fold < Folds; fold++)
        {
            int[] held = [.. order.Where((_, place) => place % Folds == fold)], kept = [.. order.Where((_, place) => place % Folds != fold)];
            var setting = 0;
            foreach (var predictor in fit([.. kept.Select(i => features[i])], [.. kept.Select(i => labels[i])], settings))
                errors[setting++] += held.Sum(i => Math.Abs(predictor.Predict(features[i]) - labels[i]) / Math.Max(Math.Abs(labels[i]), SmallestLabel)) / labels.Length;
        }
        var best = Array.IndexOf(errors, errors.Min());
        return (fit(features, labels, settings[..(best + 1)]).Last(), errors[best]);
    }
}
