using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// Draws the operation of each edge from one distribution, which turns in the course of training from uniform to proportional to the norms of the operations' gradients
/// (Lu et al. 2023, PA&amp;DA, arXiv 2302.14772). Operations without weights have no gradients, so they fade.
/// </summary>
public sealed class GradNormPaths : PathSampler
{
    // What path draws have in common, so that they are independent of the draws of examples.
    private const long Purpose = 26_001;

    private readonly CellClassifier _model;
    private readonly SamplingEpochs _epochs;
    private readonly bool _unbiased;
    private readonly long _seed;
    private readonly KeptNumbers _norms;
    private readonly KeptNumbers _probabilities;

    /// <param name="model">The supernet.</param>
    /// <param name="epochs">When the distribution changes, and how far.</param>
    /// <param name="unbiased">Weigh losses so that the mean gradient is that of uniform paths.</param>
    /// <param name="seed">Of the draws.</param>
    public GradNormPaths(CellClassifier model, SamplingEpochs epochs, bool unbiased, long seed)
    {
        (_model, _epochs, _unbiased, _seed) = (model, epochs, unbiased, seed);
        var count = model.Candidates[0].Count;
        (_norms, _probabilities) = (new("paths/norms", new double[count]), new("paths/probabilities", NormProbabilities.Of(new double[count], 0)));
    }

    /// <summary>Of each operation, the same for all edges.</summary>
    public IReadOnlyList<double> Probabilities => _probabilities.Values;

    /// <summary>Observed norms of the epoch so far: each new one counts half, all before it together the other half; they start from 0.</summary>
    public IReadOnlyList<double> Norms => _norms.Values;

    public override IEnumerable<(string Name, Tensor Moment)> State => [_norms.State, _probabilities.State];

    public override IReadOnlyList<Architecture> Sample(int step)
    {
        var cumulative = NormProbabilities.Cumulative(_probabilities.Values);
        return [_model.Space.Of([.. Enumerable.Range(0, _model.Space.Length).Select(edge => NormProbabilities.Draw(cumulative, StatelessRandom.Next(_seed, Purpose, step, edge)))])];
    }

    public override double WeightOf(Architecture architecture)
    {
        if (!_unbiased)
            return 1;
        var probabilities = _probabilities.Values;
        return architecture.Genes.ToArray().Aggregate(1.0, (weight, op) => weight * NormProbabilities.WeightOf(probabilities[op], probabilities.Length));
    }

    public override void Observe(int step, IReadOnlyList<Architecture> run, IDictionary<string, double> metrics)
    {
        foreach (var architecture in run)
            Observe(GradientProbe.OfCandidates(_model, architecture));
        if (!_epochs.EndsWith(step))
            return;
        EndEpoch(_epochs.EpochOf(step));
        foreach (var (op, probability) in _model.Candidates[0].Zip(_probabilities.Values))
            metrics[$"probability_{op}"] = probability;
    }

    /// <summary>Takes the norm of each operation that a step ran, null for the others: G = (G + norm) / 2.</summary>
    /// <exception cref="Artifacts.UserError">A norm is not finite.</exception>
    public void Observe(IReadOnlyList<double?> norms)
    {
        var kept = _norms.Values;
        for (var op = 0; op < kept.Length; op++)
            if (norms[op] is { } norm)
                kept[op] = (kept[op] + NormProbabilities.Finite(norm, $"the operation {_model.Candidates[0][op]}")) / 2;
        _norms.Values = kept;
    }

    /// <summary>Turns to what was observed, and forgets it.</summary>
    public void EndEpoch(int epoch)
    {
        _probabilities.Values = NormProbabilities.Of(_norms.Values, _epochs.TauAt(epoch));
        _norms.Values = new double[_norms.Values.Length];
    }
}
