using OnnxMoe.Trainer.Data;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// Goes through a list of training examples each epoch: at first all of them, later as many drawn with replacement, from uniform to proportional to the norms that
/// their gradients had in the epoch before (Lu et al. 2023, PA&amp;DA, arXiv 2302.14772). An example that an epoch does not draw has no norm for the next one.
/// </summary>
public sealed class GradNormData
{
    private const long Purpose = 26_002;
    private const double Unseen = -1;

    private readonly SamplingEpochs _epochs;
    private readonly bool _unbiased;
    private readonly long _seed;
    private readonly KeptNumbers _norms;
    private readonly KeptNumbers _probabilities;
    private readonly KeptNumbers _list;

    /// <param name="count">Training examples.</param>
    /// <param name="epochs">When the list is drawn anew, and how far from uniform.</param>
    /// <param name="unbiased">Weigh losses so that the mean gradient is that of uniform draws.</param>
    /// <param name="seed">Of the draws.</param>
    public GradNormData(int count, SamplingEpochs epochs, bool unbiased, long seed)
    {
        (_epochs, _unbiased, _seed) = (epochs, unbiased, seed);
        _norms = new("data/norms", [.. Enumerable.Repeat(Unseen, count)]);
        _probabilities = new("data/probabilities", NormProbabilities.Of(new double[count], 0));
        _list = new("data/list", [.. Enumerable.Range(0, count).OrderBy(example => StatelessRandom.Next(seed, Purpose, -1, example)).Select(example => (double)example)]);
    }

    /// <summary>Of each example, those that the epoch's list was drawn from.</summary>
    public IReadOnlyList<double> Probabilities => _probabilities.Values;

    /// <summary>The epoch's examples in order, repeated ones among them.</summary>
    public IReadOnlyList<int> Indices => [.. _list.Values.Select(example => (int)example)];

    /// <summary>Of each example the norm in this epoch; 0 for one that was not drawn yet.</summary>
    public IReadOnlyList<double> Norms => [.. _norms.Values.Select(norm => Math.Max(0, norm))];

    public IEnumerable<(string Name, Tensor Moment)> State => [_norms.State, _probabilities.State, _list.State];

    /// <summary>The examples of a forward pass: the next ones of the list, which begins again where it ends within a step.</summary>
    /// <param name="step">Number of the step.</param>
    /// <param name="part">Which of the step's passes.</param>
    /// <param name="parts">Passes of a step.</param>
    /// <param name="size">Examples of a pass.</param>
    public IReadOnlyList<int> Sample(int step, int part, int parts, int size)
    {
        var list = _list.Values;
        var first = ((step % _epochs.StepsPerEpoch * (long)parts) + part) * size;
        return [.. Enumerable.Range(0, size).Select(i => (int)list[(first + i) % list.Length])];
    }

    /// <summary>What the losses of examples are multiplied by; null: nothing.</summary>
    public double[]? WeightsOf(IReadOnlyList<int> examples)
    {
        if (!_unbiased)
            return null;
        var probabilities = _probabilities.Values;
        return [.. examples.Select(example => NormProbabilities.WeightOf(probabilities[example], probabilities.Length))];
    }

    /// <summary>Takes the norms of examples in order: the first of an epoch is kept, each repeated one counts half.</summary>
    /// <exception cref="Artifacts.UserError">A norm is not finite.</exception>
    public void Observe(IReadOnlyList<int> examples, IReadOnlyList<double> norms)
    {
        var kept = _norms.Values;
        foreach (var (example, given) in examples.Zip(norms))
        {
            var norm = NormProbabilities.Finite(given, $"training example {example}");
            kept[example] = kept[example] == Unseen ? norm : (kept[example] + norm) / 2;
        }
        _norms.Values = kept;
    }

    /// <summary>After a step: at the end of an epoch draws the next one's list.</summary>
    public void EndStep(int step, IDictionary<string, double> metrics)
    {
        if (!_epochs.EndsWith(step))
            return;
        EndEpoch(_epochs.EpochOf(step));
        metrics["effective_examples"] = NormProbabilities.EffectiveSize(_probabilities.Values);
    }

    /// <summary>Turns to the norms of the epoch, and forgets them.</summary>
    public void EndEpoch(int epoch)
    {
        var probabilities = NormProbabilities.Of(Norms, _epochs.TauAt(epoch));
        var cumulative = NormProbabilities.Cumulative(probabilities);
        _probabilities.Values = probabilities;
        // Independent draws: their order needs no shuffling.
        _list.Values = [.. probabilities.Select((_, i) => (double)NormProbabilities.Draw(cumulative, StatelessRandom.Next(_seed, Purpose, epoch, i)))];
        _norms.Values = [.. Enumerable.Repeat(Unseen, probabilities.Length)];
    }
}
