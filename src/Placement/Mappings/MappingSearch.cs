using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Mappings;

/// <summary>Tries every mapping of a job: all divisors, so W up to 1,024 takes moments.</summary>
/// <param name="job">What is trained.</param>
/// <param name="space">What is fixed.</param>
/// <param name="assumptions">Efficiency.</param>
public sealed class MappingSearch(TrainingJob job, SearchSpace space, CostAssumptions assumptions)
{
    static readonly int[] MicroBatches = [1, 2, 4];

    /// <summary>Predicts all legal mappings, folded and unfolded.</summary>
    /// <exception cref="UserError">The job is wrong, or a fixed degree divides nothing.</exception>
    public MappingSearchResult Run(CancellationToken cancellation = default)
    {
        job.Check();
        RankGrid.ParseOrder(space.Order);
        var model = new StepTimeModel(job, assumptions);
        var result = new MappingSearchResult(job);
        foreach (var grid in Grids())
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (var mapping in Mappings(grid))
            {
                if (MappingCheck.Problem(job, mapping) is not null)
                    result.CountIndivisible();
                else
                    result.Add(mapping, model);
            }
        }
        if (result.Tried == 0)
            throw new UserError($"No mapping with {Fixed()} divides {job.Model.Name} ({job.Model.Layers} layers, {job.Model.Heads} heads, {job.Model.Experts} experts), "
                + $"{job.Batch} sequences of {job.Sequence} tokens and {job.Gpus} GPUs: {FirstProblem()}.");
        result.Sort();
        return result;
    }

    /// <summary>All pairs of grids whose degrees divide W and the model.</summary>
    IEnumerable<ParallelGrid> Grids()
    {
        var (w, shape) = (job.Gpus, job.Model);
        foreach (var pp in Degrees(w, space.Pp, pp => shape.Layers % pp == 0))
        {
            foreach (var tp in Degrees(w / pp, space.Tp, tp => shape.Heads % tp == 0))
            {
                foreach (var cp in Degrees(w / pp / tp, space.Cp, cp => job.Sequence % cp == 0))
                {
                    var dp = w / pp / tp / cp;
                    if (job.Batch % dp != 0)
                        continue;
                    foreach (var ep in Degrees(w / pp, space.Ep, ep => shape.Experts % ep == 0))
                    {
                        if (dp % ep == 0 && (space.Etp == 0 || space.Etp == tp) && shape.ExpertHiddenSize % tp == 0)
                            yield return ParallelGrid.Unfolded(w, tp, cp, pp, ep, space.Order);
                        foreach (var etp in Degrees(w / pp / ep, space.Etp, etp => shape.ExpertHiddenSize % etp == 0))
                        {
                            if (Fold(tp, cp, pp, ep, etp) is { } grid)
                                yield return grid;
                        }
                    }
                }
            }
        }
    }

    /// <summary>The folded grid, or null where the order forbids it.</summary>
    ParallelGrid? Fold(int tp, int cp, int pp, int ep, int etp)
    {
        try
        {
            return ParallelGrid.Folded(job.Gpus, tp, cp, pp, ep, etp, space.Order);
        }
        catch (UserError)
        {
            return null;
        }
    }

    IEnumerable<Mapping> Mappings(ParallelGrid grid) =>
        from micro in space.MicroBatch > 0 ? [space.MicroBatch] : MicroBatches
        from pieces in space.VirtualStages > 0 ? [space.VirtualStages] : grid.Pp == 1 ? [1] : Divisors(job.Model.Layers / grid.Pp)
        from recompute in space.Recompute is { } only ? [only] : new[] { false, true }
        select new Mapping(grid, micro, pieces, recompute);

    static IEnumerable<int> Degrees(int of, int only, Func<int, bool> suits) => Divisors(of).Where(d => (only == 0 || d == only) && suits(d));

    static IEnumerable<int> Divisors(int of) => Enumerable.Range(1, of).Where(d => of % d == 0);

    string Fixed()
    {
        (string Name, int Value)[] degrees = [("TP", space.Tp), ("CP", space.Cp), ("PP", space.Pp), ("ETP", space.Etp), ("EP", space.Ep), ("micro batches of", space.MicroBatch), ("pieces a stage", space.VirtualStages)];
        var given = degrees.Where(degree => degree.Value > 0).Select(degree => $"{degree.Name} {degree.Value}").ToList();
        return given.Count == 0 ? "any degrees" : string.Join(", ", given);
    }

    /// <summary>Why the fixed degrees, all else being 1, do not divide.</summary>
    string FirstProblem()
    {
        static int One(int degree) => Math.Max(1, degree);
        try
        {
            var grid = ParallelGrid.Folded(job.Gpus, One(space.Tp), One(space.Cp), One(space.Pp), One(space.Ep), One(space.Etp), space.Order);
            return MappingCheck.Problem(job, new Mapping(grid, One(space.MicroBatch), One(space.VirtualStages)))
                ?? $"the batch must be a multiple of DP = {job.Gpus} / (TP x CP x PP)";
        }
        catch (UserError mistake)
        {
            return mistake.Message.TrimEnd('.');
        }
    }
}
