using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Search;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement.Reports;

/// <summary>What each expert's place is worth: how the objective changes when it goes to the best other GPU, all else as planned.</summary>
sealed class ExpertCostSection(PlacementInput input, PlacementSolution final, PlaceOptions options)
{
    public void AddTo(HtmlReport report)
    {
        if (final.Layers.Any(layer => layer.Copies().Any(copies => copies > 1)) || input.Cluster.Devices.Count < 2)
            return;
        var problem = input.Problem(input.Trace is null ? input.Fit : input.All);
        var objective = new WeightedObjective(problem, options);
        var state = objective.State(final.Layers);
        var experts = problem.Statistics.Layers.Max(l => l.Experts);
        var worth = Enumerable.Range(0, problem.Layers).Select(l => (IReadOnlyList<double>)Enumerable.Range(0, experts)
            .Select(e => e < problem.Statistics.Layers[l].Experts ? 1e4 * Worth(objective, state, l, e, problem.Gpus) : double.NaN).ToArray()).ToArray();
        report.Section("What each expert's place is worth", $"Rise of the objective ({options.Objective}), in hundredths of a percent of the contiguous plan's, when the expert moves to the best other GPU and all else stays; memory is not asked. "
            + "Near 0: it may as well be elsewhere. Below 0: it would be better off elsewhere, were it not for memory, equal clusters or the limits of the method. 'onnxmoe place --explain LAYER EXPERT' says it in words.");
        report.Charts(new HeatMap("Worth of each expert's place", "expert", [.. Enumerable.Range(0, experts).Select(e => $"{e}")], "layer", [.. problem.Statistics.Layers.Select(l => $"{l.Layer}")], "0.01 %", worth)
        {
            Wide = true,
            Height = Math.Clamp(20 * problem.Layers + 130, 260, 900),
        });
    }

    static double Worth(WeightedObjective objective, PlanState state, int layer, int expert, int gpus)
    {
        var (here, now, best) = (state.GpuOf[layer][expert], objective.Value(state.Near(layer)), double.PositiveInfinity);
        for (var gpu = 0; gpu < gpus; gpu++)
        {
            if (gpu == here)
                continue;
            state.Move(layer, expert, gpu);
            best = Math.Min(best, objective.Value(state.Near(layer)) - now);
        }
        state.Move(layer, expert, here);
        return best;
    }
}
