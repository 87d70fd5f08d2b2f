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
public sealed record PlanWeights(double Balance, double Flow, double Remote, double Copies, double Nodes)
{
    /// <summary>The names in settings.</summary>
    static readonly string[] Names = ["balance", "flow", "remote", "copies", "nodes"];

    /// <summary>Reads <c>balance:1,flow:0.5</c>; what is not named weighs nothing.</summary>
    /// <exception cref="UserError">Another text.</exception>
    public static PlanWeights Parse(string text)
    {
        var weights = new double[Names.Length];
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, number) = part.Split(':', StringSplitOptions.TrimEntries) is [var n, var w] ? (n, w) : (part, "");
            if (Array.IndexOf(Names, name) is not (>= 0 and var index) || !double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) || !(weight >= 0) || double.IsInfinity(weight))
                throw new UserError($"Place:Objective is '{text}', but it must be measures with weights of at least 0, such as balance:1,copies:0.5; the measures are {string.Join(", ", Names)}.");
            weights[index] = weight;
        }
        return weights.Sum() > 0 ? new(weights[0], weights[1], weights[2], weights[3], weights[4])
            : throw new UserError($"Place:Objective is '{text}', so that nothing counts; give at least one measure a weight, such as balance:1.");
    }

    /// <summary>What a plan's measures come to, 1 for the contiguous plan at weights that sum to 1; lower is better.</summary>
    /// <param name="plan">Measures of the plan.</param>
    /// <param name="contiguous">Measures of the contiguous plan on the same tokens.</param>
    public double Of(PlanTerms plan, PlanTerms contiguous) =>
        Balance * Ratio(plan.Balance, contiguous.Balance) + Flow * Ratio(plan.Flow, contiguous.Flow) + Remote * Ratio(plan.Remote, contiguous.Remote)
        + Copies * Ratio(plan.Copies, contiguous.Copies) + Nodes * Ratio(plan.Nodes, contiguous.Nodes);

    /// <summary>The same from the measures of a report, which plans with copies have too.</summary>
    public double Of(PlanMeasures plan, PlanMeasures contiguous) => Of(Terms(plan), Terms(contiguous));

    static PlanTerms Terms(PlanMeasures m) => new(m.Makespan, Known(m.FlowBusiest), Known(m.FlowCost), Known(m.HomeCopies), Known(m.HomeNodeCopies));

    static double Known(double value) => double.IsFinite(value) ? value : 0;

    /// <summary>What the contiguous plan has none of, the input cannot tell; it counts nothing.</summary>
    static double Ratio(double value, double reference) => reference > 0 ? value / reference : 0;
}
