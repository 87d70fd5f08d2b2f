namespace OnnxMoe.Search.Predictors;

/// <summary>A function learned from examples.</summary>
public abstract class Predictor
{
    /// <summary>What was learned, in a few words.</summary>
    public abstract string Name { get; }

    /// <param name="features">Of one example.</param>
    public abstract double Predict(ReadOnlySpan<double> features);

    /// <summary>Of several.</summary>
    public double[] Predict(IReadOnlyList<double[]> features) => [.. features.Select(example => Predict(example))];
}
