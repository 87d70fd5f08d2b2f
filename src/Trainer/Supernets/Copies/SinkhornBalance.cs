using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Supernets.Copies;

/// <summary>
/// Scales a softmax over the columns of a matrix so that every row sums to 1 and all columns have equal means (Sinkhorn and Knopp 1967), in log space.
/// </summary>
public static class SinkhornBalance
{
    private const double Tolerance = 1e-4;
    private const int MostRounds = 10_000;

    /// <summary>
    /// The logarithms that are subtracted from the columns. Rows are then normalized, so that all divisions of a column can be one, and the result is softmax of
    /// temperature times scores minus these.
    /// </summary>
    /// <param name="scores">[rows, columns]</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="temperature">Above 0.</param>
    /// <exception cref="UserError">The columns do not become equal; names the one that is farthest.</exception>
    public static double[] Columns(ReadOnlySpan<float> scores, int columns, double temperature)
    {
        if (temperature <= 0)
            throw new UserError($"The temperature of a balanced assignment is {temperature}; it must be above 0.");
        var scale = new double[columns];
        for (var round = 0; round < MostRounds; round++)
        {
            var means = Means(scores, scale, temperature);
            if (Math.Abs(means.Sum(mean => mean * Math.Log(mean * columns))) <= Tolerance)
                return scale;
            for (var column = 0; column < columns; column++)
                scale[column] += Math.Log(means[column]);
        }
        var last = Means(scores, scale, temperature);
        var worst = Array.IndexOf(last, last.MaxBy(mean => Math.Abs(mean - (1.0 / columns))));
        throw new UserError($"The assignment does not become balanced in {MostRounds:N0} rounds: column {worst} has {last[worst]:P1} instead of {1.0 / columns:P1}.");
    }

    /// <summary>A row of the result; it sums to 1.</summary>
    /// <param name="scores">The row's [columns].</param>
    /// <param name="scale">Of <see cref="Columns"/>.</param>
    /// <param name="temperature">Above 0.</param>
    public static double[] Row(ReadOnlySpan<float> scores, ReadOnlySpan<double> scale, double temperature)
    {
        var row = new double[scores.Length];
        var most = double.NegativeInfinity;
        for (var i = 0; i < row.Length; i++)
            most = Math.Max(most, row[i] = (temperature * scores[i]) - scale[i]);
        var sum = 0.0;
        for (var i = 0; i < row.Length; i++)
            sum += row[i] = Math.Exp(row[i] - most);
        for (var i = 0; i < row.Length; i++)
            row[i] /= sum;
        return row;
    }

    private static double[] Means(ReadOnlySpan<float> scores, double[] scale, double temperature)
    {
        var (columns, rows) = (scale.Length, scores.Length / scale.Length);
        var means = new double[columns];
        for (var row = 0; row < rows; row++)
        {
            var shares = Row(scores.Slice(row * columns, columns), scale, temperature);
            for (var column = 0; column < columns; column++)
                means[column] += shares[column] / rows;
        }
        // A column that nobody wants underflows; the smallest number lets it grow again.
        return [.. means.Select(mean => Math.Max(mean, double.Epsilon * 1e20))];
    }
}
