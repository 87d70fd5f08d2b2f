using OnnxMoe.Search.Predictors;
using OnnxMoe.Trainer.Supernets.Copies;

namespace OnnxMoe.Experiments.Pooling;

/// <summary>
/// The mechanism of a balanced mixture of supernets without networks: architectures of a few hidden groups pull a supernet's weights, a vector, towards their group's
/// centre, and are the more accurate the nearer it is. Everything else is the method.
/// </summary>
public sealed class BalanceSimulation
{
    private const int Paths = 36, Groups = 4, Dimensions = 8, StepsPerEpoch = 360;
    private const double Pull = 0.1, Noise = 0.03, Spread = 1.5;

    private readonly Random _random;
    private readonly double[][] _centres;
    private readonly double[] _qualities;
    private readonly double[][] _supernets;

    /// <param name="options">Supernets and schedule.</param>
    /// <param name="seed">Of all draws.</param>
    public BalanceSimulation(CopiesOptions options, int seed)
    {
        _random = new Random(seed);
        _centres = [.. Enumerable.Range(0, Groups).Select(_ => Vector(Spread / Math.Sqrt(Dimensions)))];
        _qualities = [.. Enumerable.Range(0, Paths).Select(_ => 0.6 + (0.3 * _random.NextDouble()))];
        _supernets = [.. Enumerable.Range(0, options.Count).Select(_ => Vector(Spread / Math.Sqrt(Dimensions)))];
        var assignment = new BalancedAssignment(Paths, options);
        var load = new double[options.Count];
        for (var epoch = 0; epoch < options.Epochs; epoch++)
        {
            assignment.Begin(epoch);
            for (var step = 0; step < StepsPerEpoch; step++)
            {
                var path = _random.Next(Paths);
                var copy = assignment.Pick(path, epoch, _random.NextDouble());
                for (var i = 0; i < Dimensions; i++)
                    _supernets[copy][i] += Pull * (_centres[path % Groups][i] - _supernets[copy][i]);
                assignment.Observe(path, copy, Accuracy(path, copy) + (Noise * Normal()));
                load[copy]++;
            }
        }
        LargestLoad = load.Max() / load.Sum();
        Spearman = RankMetrics.Spearman([.. Enumerable.Range(0, Paths).Select(path => Enumerable.Range(0, options.Count).Max(copy => Accuracy(path, copy)))], _qualities);
    }

    /// <summary>Rank correlation of each architecture's accuracy in its best supernet with its true quality.</summary>
    public double Spearman { get; }

    /// <summary>Share of all steps that the busiest supernet made.</summary>
    public double LargestLoad { get; }

    private double Accuracy(int path, int copy) => _qualities[path] * Math.Exp(-_supernets[copy].Zip(_centres[path % Groups], (w, c) => (w - c) * (w - c)).Sum() / 2);

    private double[] Vector(double deviation) => [.. Enumerable.Range(0, Dimensions).Select(_ => deviation * Normal())];

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
