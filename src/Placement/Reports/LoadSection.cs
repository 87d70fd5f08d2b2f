using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Reports;

/// <summary>Where the tokens go: load of each GPU and of each expert.</summary>
sealed class LoadSection(PlacementInput input, Candidate baseline, Candidate winner)
{
    readonly PlacementProblem _problem = input.Problem(input.Test.Length > 0 ? input.Test : input.Fit);

    string Tokens => input.Test.Length > 0 ? "held-out tokens" : "the counts";

    public void AddTo(HtmlReport report)
    {
        report.Section("Load", $"Tokens of each GPU relative to an even share of the layer, on {Tokens}.");
        var high = Math.Max(Relative(baseline).Max(l => l.Max()), Relative(winner).Max(l => l.Max()));
        var maps = new List<Chart> { Map(winner, high) };
        if (winner.Method != baseline.Method)
            maps.Insert(0, Map(baseline, high));
        report.Charts(maps);
        report.Charts(PerLayer(), Experts());
    }

    HeatMap Map(Candidate candidate, double high) => new(
        $"Load of each GPU: {candidate.Method}", "GPU", Names(_problem.Gpus), "layer", LayerNames, "share of an even load", Relative(candidate))
    {
        Lowest = 0,
        Highest = high,
        Height = Math.Clamp(20 * _problem.Layers + 130, 260, 900),
    };

    LineChart PerLayer()
    {
        IEnumerable<Candidate> shown = winner.Method == baseline.Method ? [winner] : [baseline, winner];
        return new("Busiest GPU of each layer", "layer", "max / mean", [.. shown.Select(c => new ChartSeries(c.Method, [.. Relative(c).Select(l => l.Max())]) { At = [.. _problem.Statistics.Layers.Select(l => (double)l.Layer)] })])
        {
            Wide = true,
            Height = 260,
        };
    }

    HeatMap Experts()
    {
        var load = _problem.Statistics.Load;
        var experts = load.Max(l => l.Length);
        return new("Load of each expert, before any placement", "expert", Names(experts), "layer", LayerNames, "share of an even load",
            [.. load.Select(l => (IReadOnlyList<double>)Enumerable.Range(0, experts).Select(e => e < l.Length ? l[e] / l.Average() : double.NaN).ToArray())])
        {
            Wide = true,
            Lowest = 0,
            Height = Math.Clamp(20 * _problem.Layers + 130, 260, 900),
        };
    }

    double[][] Relative(Candidate candidate) =>
        [.. candidate.Solution!.Layers.Select((PlacedLayer layer, int l) => DeviceShares.Load(layer, _problem.Statistics.Load[l])).Select(load => load.Select(x => x / load.Average()).ToArray())];

    string[] LayerNames => [.. _problem.Statistics.Layers.Select(l => $"{l.Layer}")];

    static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(i => $"{i}")];
}
