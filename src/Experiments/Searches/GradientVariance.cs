using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Searches;

/// <summary>How much the gradients of a supernet's steps vary with their draws, its weights fixed.</summary>
/// <param name="supernet">Its weights stay, its active architecture does not.</param>
/// <param name="data">Training examples.</param>
/// <param name="batch">Examples of a step.</param>
public sealed class GradientVariance(ISupernet supernet, LabeledSequences data, int batch)
{
    private const int Draws = 64;

    private readonly Weight[] _weights = [.. supernet.Model.Weights.Where(weight => weight.IsTrainable)];

    /// <summary>Variance over 64 draws of architecture and examples, summed over all weights.</summary>
    /// <param name="architecture">The draw of that number, and what its loss is multiplied by.</param>
    /// <param name="examples">Probability of each example.</param>
    /// <param name="reweight">Whether examples are weighed so that the mean is that of uniform draws.</param>
    /// <param name="seed">Of the draws of examples.</param>
    public double Trace(Func<int, (Architecture Architecture, double Weight)> architecture, IReadOnlyList<double> examples, bool reweight, long seed)
    {
        var (sum, squares) = (Array.Empty<double>(), 0.0);
        var (cumulative, ops) = (NormProbabilities.Cumulative(examples), new TorchOps(training: true));
        for (var draw = 0; draw < Draws; draw++)
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            int[] numbers = [.. Enumerable.Range(0, batch).Select(i => NormProbabilities.Draw(cumulative, StatelessRandom.Next(seed, draw, i)))];
            var (active, weight) = architecture(draw);
            supernet.Active = active;
            var taken = data.Take(numbers);
            var logits = ClassifierLoss.Logits((Classifier)supernet.Model, taken, new ForwardContext(ops) { BatchStatistics = BatchStatistics.Unrecorded });
            (ClassifierLoss.CrossEntropy(logits, taken, reweight ? [.. numbers.Select(number => NormProbabilities.WeightOf(examples[number], examples.Count))] : null) * weight).backward();
            var gradient = GradientProbe.Vector(_weights);
            foreach (var one in _weights)
                one.Parameter.grad = null;
            sum = draw == 0 ? gradient : [.. sum.Zip(gradient, (a, b) => a + b)];
            squares += gradient.Sum(value => value * value);
        }
        return (squares - (sum.Sum(value => value * value) / Draws)) / (Draws - 1);
    }
}
