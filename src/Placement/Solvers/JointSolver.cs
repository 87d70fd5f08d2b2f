using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Search;

namespace OnnxMoe.Placement.Solvers;

/// <summary>The weighted objective over all layers at once as one integer program (<see cref="JointProgram"/>), from what search finds; for small instances.</summary>
public sealed class JointSolver(string engine, PlaceOptions options) : IPlacementSolver
{
    public string Name => "joint";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation)
    {
        var objective = new WeightedObjective(problem, options);
        var variables = JointProgram.Variables(problem, objective.Weights);
        if (variables > JointProgram.MostVariables)
            throw new UserError($"The joint program would have {variables:N0} variables, and is built up to {JointProgram.MostVariables:N0}; take --method search, whose bound holds at any size.");
        var start = new SearchSolver(engine, options).Solve(problem, cancellation);
        if (start.Solves[0].Status == "optimal")
            return start with { Solver = Name };
        var state = objective.State(start.Layers);
        var sums = Enumerable.Range(0, problem.Gpus).Select(g => Enumerable.Range(0, problem.Layers).Sum(l => (long)state.Sizes[l][g] * problem.Sizes.ExpertUnits[l])).ToArray();
        using var program = new JointProgram(problem, objective, state.GpuOf, problem.Memory.Slack(sums), engine, options);
        var (gpuOf, result) = program.Solve(options.Gap, TimeSpan.FromSeconds(options.JointSeconds), cancellation);
        var (layers, value) = (start.Layers, objective.Value(state.Terms()));
        if (gpuOf.Length > 0)
        {
            var found = gpuOf.Select((layer, l) => PlacementSolution.Layer(problem.Statistics.Layers[l].Layer, layer, problem.Gpus)).ToArray();
            if (objective.Value(objective.State(found).Terms()) is var better && better < value)
                (layers, value) = (found, better);
        }
        var bound = Math.Max(objective.Bound, double.IsFinite(result.Bound) ? result.Bound : 0);
        return start with { Solver = Name, Layers = layers, Solves = [SearchSolver.Record(options, engine, value, bound, result.Seconds)] };
    }
}
