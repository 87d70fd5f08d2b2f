namespace OnnxMoe.Trainer.Supernets.Copies;

/// <summary>
/// Which supernet trains which architecture: a table of scores, running means of accuracies, whose softmax is balanced so that all supernets are equally busy (Javan
/// et al. 2023, arXiv 2306.11982). The balance is found at the beginning of an epoch; within it scores change, the scaling of the columns does not.
/// </summary>
/// <param name="architectures">Rows.</param>
/// <param name="options">Number of supernets and schedule.</param>
public sealed class BalancedAssignment(int architectures, CopiesOptions options)
{
    private readonly int _copies = options.Count;
    private double[] _scale = new double[options.Count];

    /// <summary>[architectures, supernets]</summary>
    public float[] Scores { get; } = [.. Enumerable.Repeat((float)options.FirstScore, architectures * options.Count)];

    /// <summary>What is subtracted from the columns in this epoch, in log space [supernets].</summary>
    public IReadOnlyList<double> Scale => _scale;

    public int Architectures => architectures;

    /// <summary>Temperature of an epoch, counted from 0.</summary>
    public double TemperatureOf(int epoch) => options.Epochs == 1 ? options.LastTemperature
        : options.FirstTemperature + ((options.LastTemperature - options.FirstTemperature) * epoch / (options.Epochs - 1));

    /// <summary>Finds the balance of an epoch.</summary>
    public void Begin(int epoch)
    {
        if (options.Balanced)
            _scale = SinkhornBalance.Columns(Scores, _copies, TemperatureOf(epoch));
    }

    /// <summary>Restores what an earlier run found at the beginning of the epoch.</summary>
    public void Restore(ReadOnlySpan<float> scores, ReadOnlySpan<double> scale)
    {
        scores.CopyTo(Scores);
        _scale = scale.ToArray();
    }

    /// <summary>The probability of each supernet for an architecture; sums to 1.</summary>
    public double[] Probabilities(int architecture, int epoch) => SinkhornBalance.Row(Scores.AsSpan(architecture * _copies, _copies), _scale, TemperatureOf(epoch));

    /// <summary>The supernet that trains an architecture.</summary>
    /// <param name="architecture">Its row.</param>
    /// <param name="epoch">Counted from 0.</param>
    /// <param name="uniform">A random number from 0 to below 1.</param>
    public int Pick(int architecture, int epoch, double uniform)
    {
        var probabilities = Probabilities(architecture, epoch);
        for (var copy = 0; copy < _copies - 1; copy++)
            if ((uniform -= probabilities[copy]) < 0)
                return copy;
        return _copies - 1;
    }

    /// <summary>Moves a score towards an accuracy.</summary>
    public void Observe(int architecture, int copy, double accuracy)
    {
        ref var score = ref Scores[(architecture * _copies) + copy];
        score = (float)(((1 - options.ScoreRate) * score) + (options.ScoreRate * accuracy));
    }
}
