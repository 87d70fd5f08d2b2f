using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Darts;

/// <summary>The training data in two parts without a common sequence: one for the network's weights, one for the architecture's.</summary>
public sealed record TrainingHalves(LabeledSequences Weights, LabeledSequences Alpha)
{
    /// <param name="train">All training data.</param>
    /// <param name="alphaShare">The second part's share.</param>
    /// <param name="seed">Decides which sequence goes where.</param>
    /// <exception cref="UserError">A part would be empty.</exception>
    public static TrainingHalves Of(LabeledSequences train, double alphaShare, long seed)
    {
        var second = (int)Math.Round(train.Count * alphaShare);
        if (second <= 0 || second >= train.Count)
            throw new UserError($"Supernet:Darts:AlphaShare is {alphaShare}, which leaves nothing of {train.Count} training sequences to train the {(second <= 0 ? "architecture" : "network")} on; 0.5 is usual.");
        int[] order = [.. Enumerable.Range(0, train.Count).OrderBy(number => StatelessRandom.Next(seed, number))];
        return new(train.Take(order[second..]), train.Take(order[..second]));
    }
}
