using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Reports;

/// <summary>The result in words, held-out tokens first: a gain on the fitted tokens alone is not called a gain.</summary>
static class Verdict
{
    public static string On(Candidate winner, Candidate baseline)
    {
        if (winner.Method == baseline.Method)
            return $"{winner.Method} is the plan that needs no planner; the others are compared with it below.";
        if (winner.Test is not { } mine || baseline.Test is not { } theirs)
            return $"On the counts it was made from, {winner.Method} has {Change(baseline.Fit!.MaxOverMean, winner.Fit!.MaxOverMean)} max / mean load than {baseline.Method}. There are no held-out tokens, so how much of that remains on other text is not known.";
        return $"On held-out tokens {winner.Method} has {Change(theirs.MaxOverMean, mine.MaxOverMean)} max / mean load than {baseline.Method}"
            + (double.IsFinite(mine.FlowBusiest) ? $", and {Change(theirs.FlowBusiest, mine.FlowBusiest)} traffic on the busiest pair in the flow model, {Change(theirs.HomeBusiest, mine.HomeBusiest)} in the home model." : ".");
    }

    /// <summary>Whether assigning clusters to GPUs was worth it, against cluster c on GPU c.</summary>
    public static string OnAssignment(Candidate winner, (PlanMeasures Fit, PlanMeasures? Test) before)
    {
        var fit = $"The assignment of clusters to GPUs takes the busiest traffic (flow) from {Units.Number(before.Fit.FlowBusiest)} to {Units.Number(winner.Fit!.FlowBusiest)} on the fitted tokens";
        if (before.Test is not { } test || winner.Test is not { } mine)
            return fit + ".";
        var held = $" and from {Units.Number(test.FlowBusiest)} to {Units.Number(mine.FlowBusiest)} on held-out ones";
        return fit + held + (mine.FlowBusiest < test.FlowBusiest ? "." : ": no gain where it counts, so do not rely on it; a longer trace may help.");
    }

    static string Change(double before, double after) =>
        before <= 0 || Math.Abs(after / before - 1) < 0.0005 ? "the same" : $"{Units.Percent(Math.Abs(1 - after / before))} {(after < before ? "less" : "more")}";
}
