using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement.Search;

/// <summary>The objective of <see cref="PlaceOptions.Objective"/> for one problem, and the plan that is running, if there is one.</summary>
public sealed class WeightedObjective
{
    readonly PlacementProblem _problem;
    readonly PlaceOptions _options;

    /// <exception cref="UserError">The weights, the running plan, or the allowance for moves make no sense.</exception>
    public WeightedObjective(PlacementProblem problem, PlaceOptions options)
    {
        (_problem, _options, Weights) = (problem, options, PlanWeights.Parse(options.Objective, problem));
        Reference = State(new ContiguousSolver().Solve(problem, CancellationToken.None).Layers).Terms();
        Weights = Weights.RelativeTo(Reference);
        Bound = Value(TermBound.Of(problem));
        if (options.From == "")
            return;
        Running = Load();
        MostMovedBytes = options.MoveGiB < 0 ? long.MaxValue
            : problem.Sizes.ExpertBytes.Max() > 0 ? (long)(options.MoveGiB * (1L << 30))
            : throw new UserError("Place:MoveGiB limits what may be moved, but the size of an expert is not known without a model folder; give it as Place:ExpertBytes.");
    }

    /// <summary>The weights.</summary>
    public PlanWeights Weights { get; }

    /// <summary>The contiguous plan's measures, to which all are relative.</summary>
    public PlanTerms Reference { get; }

    /// <summary>No plan with one copy of each expert has less.</summary>
    public double Bound { get; }

    /// <summary>The running plan; null when there is none.</summary>
    public IReadOnlyList<PlacedLayer>? Running { get; }

    /// <summary>Most bytes that may be elsewhere than in the running plan.</summary>
    public long MostMovedBytes { get; } = long.MaxValue;

    /// <summary>The objective; lower is better, the sum of the weights is "as contiguous".</summary>
    public double Value(PlanTerms terms) => Weights.Of(terms, Reference);

    /// <summary>A plan whose measures can be followed while experts move.</summary>
    public PlanState State(IReadOnlyList<PlacedLayer> layers) =>
        new(_problem, Weights.NeedsVisits ? _problem.Trace : null, _problem.Tokens, layers);

    IReadOnlyList<PlacedLayer> Load()
    {
        var plan = PlacementPlan.Load(_options.From);
        PlacementCheck.Matches(plan, [.. _problem.Statistics.Layers.Select(l => (l.Layer, l.Experts))], _options.From);
        if (plan.Devices.Count != _problem.Gpus)
            throw new UserError($"{_options.From} is for {plan.Devices.Count} GPUs, but '{_problem.Cluster.Name}' has {_problem.Gpus}; re-planning keeps the GPUs.");
        if (plan.Layers.FirstOrDefault(l => l.Copies().Any(c => c > 1)) is { } copies)
            throw new UserError($"{_options.From} has several copies of experts in layer {copies.Layer}; re-planning takes plans with one copy of each, so plan anew with --method balanced-replicated.");
        return plan.Layers;
    }
}
