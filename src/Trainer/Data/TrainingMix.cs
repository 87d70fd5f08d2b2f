using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>The training text of all domains, from which a batch draws each row: first the domain by its share, then a window of it.</summary>
/// <param name="domains">At least one, with shares that sum to 1.</param>
public sealed class TrainingMix(IReadOnlyList<TextDomain> domains)
{
    /// <summary>Set apart from the draw of the window, whose key is one number shorter.</summary>
    private const long DomainDraw = 1;

    /// <summary>
    /// Random windows for one training step: a pure function of its arguments, so a resumed run sees what an undisturbed one would.
    /// </summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="step">Number of the optimizer step.</param>
    /// <param name="microStep">Number of the part of the step (gradient accumulation).</param>
    /// <param name="rows">Windows in the batch.</param>
    /// <param name="length">Tokens in a window.</param>
    /// <exception cref="UserError">A training text that has a share is shorter than a window.</exception>
    public TokenBatch Batch(long seed, long step, int microStep, int rows, int length)
    {
        var positions = domains.Select(domain => domain.Share > 0 ? domain.Train.Positions(length) : 0).ToArray();
        var batch = TokenBatch.Empty(rows, length);
        for (var row = 0; row < rows; row++)
        {
            var domain = DomainOf(StatelessRandom.Next(seed, step, microStep, row, DomainDraw));
            var start = (int)(StatelessRandom.Next(seed, step, microStep, row) % (ulong)positions[domain]);
            domains[domain].Train.CopyTo(batch, row, start);
        }
        return batch;
    }

    /// <summary>The index of the domain whose interval of [0, 1) holds the random number; rounding may leave a gap at the end.</summary>
    private int DomainOf(ulong bits)
    {
        var left = (bits >> 11) / (double)(1L << 53);
        var last = 0;
        for (var i = 0; i < domains.Count; i++)
        {
            if (domains[i].Share == 0)
                continue;
            if (left < domains[i].Share)
                return i;
            left -= domains[i].Share;
            last = i;
        }
        return last;
    }
}
