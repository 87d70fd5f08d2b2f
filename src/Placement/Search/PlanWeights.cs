using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Search;

/// <summary>
/// What a plan is to be good at: weights of measures, each taken relative to the contiguous plan's, so that 1 is "as without a
/// planner" and the weights say what counts how much.
/// </summary>
/// <param name="Balance">Of the busiest GPU's time, summed over layers.</param>
/// <param name="Flow">Of the busiest pair of GPUs between neighbouring layers, summed over layers (flow model).</param>
/// <param name="Remote">Of the steps between layers that leave the GPU, those between nodes counted by their price (flow model).</param>
/// <param name="Copies">Of the other GPUs a token is sent to (home model; several experts of a token on one GPU count once).</param>
/// <param name="Nodes">Of the other nodes a token is sent to (home model).</param>
/// <param name="Home">Of the busiest pair of GPUs, dispatch and combine, summed over layers (home model).</param>
public sealed record PlanWeights(double Balance, double Flow, double Remote, double Copies, double Nodes, double Home)
{
    /// <summary>The objective that is the cost model's step time.</summary>
    public const string Time = "time";

    /// <summary>The names in settings.</summary>
    static readonly string[] Names = ["balance", "flow", "remote", "copies", "nodes", "home"];

    /// <summary>Seconds of a unit of balance and of home, when the weights are those of the step time; else null.</summary>
    (double Balance, double Home)? Seconds { get; init; }

    /// <summary>
    /// Reads <c>balance:1,flow:0.5</c>; what is not named weighs nothing. <c>time</c> is the predicted step: expert work of the slowest
    /// GPU and the busiest pair's traffic in the home model, each in seconds.
    /// </summary>
    /// <exception cref="UserError">Another text, or a step time for which speeds are not known.</exception>
    public static PlanWeights Parse(string text, PlacementProblem problem)
    {
        if (text.Trim() == Time)
            return StepTime(problem);
        var weights = new double[Names.Length];
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, number) = part.Split(':', StringSplitOptions.TrimEntries) is [var n, var w] ? (n, w) : (part, "");
            if (Array.IndexOf(Names, name) is not (>= 0 and var index) || !double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) || !(weight >= 0) || double.IsInfinity(weight))
                throw new UserError($"Place:Objective is '{text}', but it must be measures with weights of at least 0, such as balance:1,copies:0.5; the measures are {string.Join(", ", Names)}. Or it is {Time}, the predicted step time.");
            weights[index] = weight;
        }
        return weights.Sum() > 0 ? new(weights[0], weights[1], weights[2], weights[3], weights[4], weights[5])
            : throw new UserError($"Place:Objective is '{text}', so that nothing counts; give at least one measure a weight, such as balance:1.");
    }

    static PlanWeights StepTime(PlacementProblem problem)
    {
        var (cluster, sizes) = (problem.Cluster, problem.Sizes);
        if (cluster.Devices.Any(d => d.Flops == 0) || sizes.ExpertFlops.Any(f => f == 0))
            throw new UserError($"Place:Objective is '{Time}', but the time of a step is only known when the cluster '{cluster.Name}' says teraflops and the model's experts have sizes (a model folder, or Place:Hidden and Place:ExpertWidth); or give measures, such as balance:1,copies:0.5.");
        return problem.Trace is null ? throw new UserError($"Place:Objective is '{Time}', which needs a routing trace, and these are expert counts alone; use balance:1.")
            : new(0, 0, 0, 0, 0, 0) { Seconds = (sizes.ExpertFlops.Average() / cluster.Devices.Average(d => d.Flops), sizes.TokenBytes / cluster.FastestBandwidth) };
    }

    /// <summary>Whether the visits of single tokens matter.</summary>
    public bool NeedsVisits => Seconds is not null || Copies + Nodes + Home > 0;

    /// <summary>The same objective as weights of relative measures.</summary>
    /// <param name="contiguous">The contiguous plan's measures.</param>
    public PlanWeights RelativeTo(PlanTerms contiguous)
    {
        if (Seconds is not { } seconds)
            return this;
        var (work, traffic) = (seconds.Balance * contiguous.Balance, seconds.Home * contiguous.Home);
        return new(work / (work + traffic), 0, 0, 0, 0, traffic / (work + traffic));
    }

    /// <summary>What a plan's measures come to, 1 for the contiguous plan at weights that sum to 1; lower is better.</summary>
    /// <param name="plan">Measures of the plan.</param>
    /// <param name="contiguous">Measures of the contiguous plan on the same tokens.</param>
    public double Of(PlanTerms plan, PlanTerms contiguous) => Seconds is not null ? RelativeTo(contiguous).Of(plan, contiguous)
        : Balance * Ratio(plan.Balance, contiguous.Balance) + Flow * Ratio(plan.Flow, contiguous.Flow) + Remote * Ratio(plan.Remote, contiguous.Remote)
        + Copies * Ratio(plan.Copies, contiguous.Copies) + Nodes * Ratio(plan.Nodes, contiguous.Nodes) + Home * Ratio(plan.Home, contiguous.Home);

    /// <summary>The same from the measures of a report, which plans with copies have too.</summary>
    public double Of(PlanMeasures plan, PlanMeasures contiguous) => Of(Terms(plan), Terms(contiguous));

    static PlanTerms Terms(PlanMeasures m) => new(m.Makespan, Known(m.FlowBusiest), Known(m.FlowCost), Known(m.HomeCopies), Known(m.HomeNodeCopies), Known(m.HomeBusiest));

    static double Known(double value) => double.IsFinite(value) ? value : 0;

    /// <summary>What the contiguous plan has none of, the input cannot tell; it counts nothing.</summary>
    static double Ratio(double value, double reference) => reference > 0 ? value / reference : 0;
}
