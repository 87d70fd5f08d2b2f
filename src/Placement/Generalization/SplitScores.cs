namespace OnnxMoe.Placement.Generalization;

/// <summary>A method's objective on each split; lower is better, the sum of the weights is "as contiguous".</summary>
/// <param name="Method">Name of the solver.</param>
/// <param name="Fit">On the half it was fitted on, a value a split.</param>
/// <param name="Test">On the other half.</param>
public sealed record SplitScores(string Method, List<double> Fit, List<double> Test)
{
    /// <summary>Two-sided 95 % points of Student's t at 1, 2, ... degrees of freedom.</summary>
    static readonly double[] Student = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09];

    /// <summary>Mean on held-out halves.</summary>
    public double Mean => Test.Average();

    /// <summary>Mean of this minus another method's test values, split by split, and the half width of its 95 % interval.</summary>
    public (double Mean, double HalfWidth) Minus(SplitScores other)
    {
        var differences = Test.Zip(other.Test, (mine, theirs) => mine - theirs).ToArray();
        var mean = differences.Average();
        if (differences.Length < 2)
            return (mean, double.PositiveInfinity);
        var deviation = Math.Sqrt(differences.Sum(d => (d - mean) * (d - mean)) / (differences.Length - 1));
        return (mean, Student[Math.Min(differences.Length - 2, Student.Length - 1)] * deviation / Math.Sqrt(differences.Length));
    }

    /// <summary>Whether this is worse than another beyond what the splits leave open.</summary>
    public bool IsWorseThan(SplitScores other) => Minus(other) is var (mean, half) && mean > 0 && mean > half;
}
