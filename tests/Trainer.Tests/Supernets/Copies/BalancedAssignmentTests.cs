using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Supernets.Copies;

namespace OnnxMoe.Trainer.Tests.Supernets.Copies;

public class BalancedAssignmentTests
{
    private static float[] Scores(int rows, int columns, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, rows * columns).Select(_ => random.NextSingle())];
    }

    [Theory]
    [InlineData(36, 4, 1)]
    [InlineData(36, 4, 100)]
    [InlineData(10, 2, 30)]
    [InlineData(9, 8, 100)]
    public void RowsSumToOneAndColumnsAreEqual(int rows, int columns, double temperature)
    {
        var scores = Scores(rows, columns, 1);
        var scale = SinkhornBalance.Columns(scores, columns, temperature);
        double[][] shares = [.. Enumerable.Range(0, rows).Select(row => SinkhornBalance.Row(scores.AsSpan(row * columns, columns), scale, temperature))];
        Assert.All(shares, row => Assert.Equal(1, row.Sum(), 1e-9));
        double[] means = [.. Enumerable.Range(0, columns).Select(column => shares.Average(row => row[column]))];
        Assert.InRange(Math.Abs(means.Sum(mean => mean * Math.Log(mean * columns))), 0, 1e-4);
        // diag(r) softmax diag(c): ratios of ratios are those of the exponentials.
        for (var row = 1; row < rows; row++)
            for (var column = 1; column < columns; column++)
            {
                var expected = temperature * (scores[row * columns + column] - scores[row * columns] - scores[column] + scores[0]);
                Assert.Equal(expected, Math.Log(shares[row][column]) - Math.Log(shares[row][0]) - Math.Log(shares[0][column]) + Math.Log(shares[0][0]), 1e-4);
            }
    }

    [Fact]
    public void PermutingSupernetsPermutesColumns()
    {
        var scores = Scores(12, 3, 2);
        float[] swapped = [.. Enumerable.Range(0, 36).Select(i => scores[(i / 3 * 3) + (2 - (i % 3))])];
        Assert.Equal(SinkhornBalance.Columns(scores, 3, 20).Reverse().Select(value => Math.Round(value, 9)), SinkhornBalance.Columns(swapped, 3, 20).Select(value => Math.Round(value, 9)));
    }

    [Fact]
    public void EqualScoresAreSharedEquallyAndOneSupernetTakesAll()
    {
        var assignment = new BalancedAssignment(5, new() { Count = 4 });
        assignment.Begin(0);
        Assert.All(assignment.Probabilities(2, 0), share => Assert.Equal(0.25, share));
        var one = new BalancedAssignment(5, new() { Count = 1 });
        one.Begin(0);
        Assert.Equal([1], one.Probabilities(4, 0));
    }

    [Fact]
    public void AnAccuracyTouchesOneScoreAndTheScalingHoldsForTheEpoch()
    {
        var assignment = new BalancedAssignment(6, new() { Count = 3, Epochs = 11 });
        Assert.Equal((1, 50.5, 100), (assignment.TemperatureOf(0), assignment.TemperatureOf(5), assignment.TemperatureOf(10)));
        for (var i = 0; i < 6; i++)
            assignment.Observe(i, i % 3, 0.1 * i);
        assignment.Begin(5);
        double[] scale = [.. assignment.Scale];
        float[] before = [.. assignment.Scores];
        assignment.Observe(4, 2, 0.5);
        Assert.Equal(Enumerable.Range(0, 18).Select(i => i == 14 ? (0.9f * before[14]) + 0.05f : before[i]).Select(value => Math.Round(value, 6)), assignment.Scores.Select(value => Math.Round(value, 6)));
        Assert.Equal(scale, assignment.Scale);
        Assert.Equal(1, assignment.Probabilities(4, 5).Sum(), 1e-9);
        assignment.Begin(6);
        Assert.NotEqual(scale, assignment.Scale);
    }

    [Fact]
    public void PicksFollowTheProbabilities()
    {
        var assignment = new BalancedAssignment(2, new() { Count = 3, Balanced = false, FirstTemperature = 5 });
        assignment.Observe(1, 0, -1);
        var shares = assignment.Probabilities(1, 0);
        var random = new Random(1);
        var picks = Enumerable.Range(0, 20_000).Select(_ => assignment.Pick(1, 0, random.NextDouble())).ToArray();
        Assert.All(Enumerable.Range(0, 3), copy => Assert.Equal(shares[copy], picks.Count(pick => pick == copy) / 20_000.0, 0.02));
    }

    [Fact]
    public void ATemperatureIsAboveZeroAndEqualRowsAreSplit()
    {
        Assert.Contains("temperature of a balanced assignment is 0", Assert.Throws<UserError>(() => SinkhornBalance.Columns([1, 2], 2, 0)).Message, StringComparison.Ordinal);
        // Rows that all want the same column are split.
        var scale = SinkhornBalance.Columns([0, 1, 0, 1, 0, 1], 2, 100);
        Assert.Equal(0.5, SinkhornBalance.Row([0, 1], scale, 100)[0], 1e-2);
    }
}
