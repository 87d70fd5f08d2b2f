using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Search;

namespace OnnxMoe.Placement.Balance;

/// <summary>How near a plan, whoever made it, comes to what can be proved about its balance.</summary>
public sealed class PlanBalance
{
    readonly PlacementProblem _problem;
    readonly double[] _single;

    /// <param name="problem">The problem.</param>
    /// <param name="proved">Bounds on each layer that solvers proved; the best of them and of counting holds.</param>
    public PlanBalance(PlacementProblem problem, IEnumerable<IReadOnlyList<double>> proved)
    {
        (_problem, _single) = (problem, TermBound.Layers(problem));
        foreach (var bounds in proved)
        {
            for (var l = 0; l < _single.Length; l++)
                _single[l] = Math.Max(_single[l], bounds[l]);
        }
    }

    /// <summary>Objective and bound of a plan, in tokens on a GPU of mean speed, summed over layers.</summary>
    public SolveRecord Of(string solver, IReadOnlyList<PlacedLayer> layers)
    {
        var (speeds, time, bound) = (_problem.Cluster.Speeds, 0.0, 0.0);
        for (var l = 0; l < layers.Count; l++)
        {
            var load = _problem.Statistics.Load[l];
            time += DeviceShares.Slowest(DeviceShares.Load(layers[l], load), speeds);
            var slots = layers[l].Devices.Sum(d => d.Count);
            bound += slots == layers[l].Experts ? _single[l] : BalanceBound.WithCopies(load, speeds, slots);
        }
        return new SolveRecord("balance", solver, time <= bound * (1 + 1e-9) ? "optimal" : "bounded", time, Math.Min(time, bound), 0);
    }
}
