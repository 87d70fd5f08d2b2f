using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Tickets;

/// <summary>When a ticket is searched for and pruned, in steps counted from 1.</summary>
/// <param name="options">Intervals and shares.</param>
/// <param name="steps">All steps.</param>
public sealed class TicketSchedule(TicketOptions options, int steps)
{
    private readonly int _last = steps - options.RetrainSteps;

    /// <summary>Coefficient of the importance norm after that many steps were done.</summary>
    public double ImportanceAt(int done)
    {
        if (done >= Math.Min(_last, options.SearchUntil * steps))
            return 0;
        var warmup = options.ImportanceWarmup * steps;
        return options.Importance * (warmup == 0 ? 1 : Math.Min(1, done / warmup));
    }

    /// <summary>True when dead channels are removed after a step.</summary>
    public bool Shrinks(int done) => options.Importance > 0 && done <= Math.Min(_last, options.SearchUntil * steps) && (done % options.ShrinkEvery == 0 || done == (int)Math.Min(_last, options.SearchUntil * steps));

    /// <summary>The share of weights that is pruned after a step; null: nothing is pruned then.</summary>
    public double? PrunesTo(int done)
    {
        if (options.Sparsity == 0 || done > _last || done <= options.PruneFrom * steps)
            return null;
        if (done == _last)
            return options.Sparsity;
        var prunings = (done / options.PruneEvery) - ((int)(options.PruneFrom * steps) / options.PruneEvery);
        return done % options.PruneEvery == 0 && options.PruneStep > 0 ? Math.Min(options.Sparsity, options.PruneStep * prunings) : null;
    }

    /// <exception cref="UserError">Pruning in steps does not get as far as it should.</exception>
    public void Check()
    {
        if (_last < 1)
            throw new UserError($"Supernet:Tickets:RetrainSteps is {options.RetrainSteps}, which leaves none of Trainer:Steps {steps} to search in.");
        var reached = Enumerable.Range(1, Math.Max(0, _last - 1)).Select(PrunesTo).Max() ?? 0;
        if (options.Sparsity > 0 && options.PruneStep > 0 && reached + options.PruneStep < options.Sparsity - 1e-9)
            throw new UserError(FormattableString.Invariant($"Supernet:Tickets prunes {options.PruneStep:P0} every {options.PruneEvery} steps and so reaches {reached:P0} of {options.Sparsity:P0} before its last step; prune more often, or more at once."));
    }
}
