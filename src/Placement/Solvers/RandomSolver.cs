namespace OnnxMoe.Placement.Solvers;

/// <summary>As many experts on each GPU, chosen at random: what any method must beat.</summary>
public sealed class RandomSolver(int seed) : IPlacementSolver
{
    public string Name => "random";

    public PlacementSolution Solve(PlacementProblem problem, CancellationToken cancellation)
    {
        var random = new Random(seed);
        return new(Name, [.. problem.Statistics.Layers.Select(l =>
        {
            var order = Enumerable.Range(0, l.Experts).ToArray();
            random.Shuffle(order);
            var gpuOf = new int[l.Experts];
            for (var i = 0; i < order.Length; i++)
                gpuOf[order[i]] = i % problem.Gpus;
            return PlacementSolution.Layer(l.Layer, gpuOf, problem.Gpus);
        })], []);
    }
}
