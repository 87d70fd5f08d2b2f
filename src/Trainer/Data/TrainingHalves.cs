using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>The training data in two parts without a common sequence: one for a supernet's weights, one that architectures are chosen by.</summary>
/// <param name="Weights">For the weights.</param>
/// <param name="Choice">For architecture weights, scores and decisions.</param>
public sealed record TrainingHalves(LabeledSequences Weights, LabeledSequences Choice)
{
    /// <param name="train">All training data.</param>
    /// <param name="share">The second part's share.</param>
    /// <param name="seed">Decides which sequence goes where.</param>
    /// <param name="setting">What says the share, for an error.</param>
    /// <exception cref="UserError">A part would be empty.</exception>
    public static TrainingHalves Of(LabeledSequences train, double share, long seed, string setting = "Supernet:Darts:AlphaShare")
    {
        var second = (int)Math.Round(train.Count * share);
        if (second <= 0 || second >= train.Count)
            throw new UserError(FormattableString.Invariant($"{setting} is {share}, which leaves nothing of {train.Count} training sequences to train the {(second <= 0 ? "architecture" : "network")} on; 0.5 is usual."));
        int[] order = [.. Enumerable.Range(0, train.Count).OrderBy(number => StatelessRandom.Next(seed, number))];
        return new(train.Take(order[second..]), train.Take(order[..second]));
    }
}
