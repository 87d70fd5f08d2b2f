using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>How well a supernet does with something deleted: on all of the data, by the batches' statistics, without a trace.</summary>
/// <param name="model">The supernet; runs as its gates say.</param>
/// <param name="data">The half that the architecture weights are trained on.</param>
/// <param name="batchSize">Sequences at a time.</param>
/// <param name="byLoss">The loss; otherwise the accuracy.</param>
/// <param name="device">Where the model is; null for the CPU.</param>
public sealed class DeletionCriterion(Classifier model, LabeledSequences data, int batchSize, bool byLoss, Device? device)
{
    private readonly ClassifierEvaluator _evaluator = new(model, batchSize, device) { Statistics = BatchStatistics.Unrecorded };

    /// <summary>That of a word of <see cref="SelectionOptions.Criterion"/>.</summary>
    /// <exception cref="UserError">It is none.</exception>
    public static DeletionCriterion Of(string word, Classifier model, LabeledSequences data, int batchSize, Device? device) =>
        word is "loss" or "accuracy" ? new(model, data, batchSize, word == "loss", device)
        : throw new UserError($"Search:Selection:Criterion is '{word}'; it must be accuracy or loss.");

    /// <summary>The loss in nats, or the accuracy.</summary>
    public double Measure()
    {
        var measured = _evaluator.Run(data);
        return byLoss ? measured.Loss : measured.Accuracy;
    }

    /// <summary>Numbers from the deletion that hurts most to the one that hurts least; of equals the first comes first.</summary>
    public IEnumerable<int> FromWorst(IReadOnlyList<double> measured) => Enumerable.Range(0, measured.Count).OrderBy(i => byLoss ? -measured[i] : measured[i]);
}
