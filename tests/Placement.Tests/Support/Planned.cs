using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement.Tests.Support;

/// <summary>A folder with a trace, a cluster and a plan of them by one method, without the comparison that <c>place</c> makes.</summary>
sealed class Planned : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public Planned(RoutingTrace trace, int nodes, int gpusPerNode, string method = "moetuner", Action<PlaceOptions>? change = null, double memoryGiB = 0)
    {
        trace.Save(this["trace.bin"]);
        var machines = string.Join(", ", Enumerable.Range(0, nodes).Select(n => $$"""{"name": "rack_{{n}}", "gpus": {{gpusPerNode}}, "memoryGiB": {{memoryGiB}}}"""));
        File.WriteAllText(this["cluster.json"], $$"""{"name": "test", "nodes": [{{machines}}], "withinNode": {"gigabytesPerSecond": 450}, "betweenNodes": {"gigabytesPerSecond": 50} }""");
        Options = Some.Options;
        (Options.Trace, Options.Cluster, Options.Output, Options.Method) = (this["trace.bin"], this["cluster.json"], Folder, method);
        (Options.ClusteringSeconds, Options.AssignmentSeconds, Options.Gap) = (0.2, 0.2, 0.1); // any plan will do
        change?.Invoke(Options);
        Plan();
    }

    public PlaceOptions Options { get; }

    public string Folder => Path.GetDirectoryName(this["x"])!;

    public string PlanPath => this[PlacementPlan.FileName];

    public PlacementPlan Loaded => PlacementPlan.Load(PlanPath);

    public string this[string file] => _folder[file];

    /// <summary>Plans from what the options now say.</summary>
    public void Plan()
    {
        var input = PlacementInput.Read("", Options);
        var problem = input.Problem(input.All);
        var solution = SolverList.All(Options, Engines.Choose("auto")).Single(s => s.Name == Options.Method).Solve(problem, CancellationToken.None);
        var used = Options.ExpertBytes == 0 ? new long[problem.Gpus] : input.Sizes.Used(solution.Layers, problem.Gpus);
        new PlacementPlan(PlacementPlan.CurrentFormat, solution.Solver, input.Source, [.. input.Cluster.Devices.Select((d, g) => new PlacedDevice(d.NodeName, d.MemoryBytes, used[g]))], solution.Layers)
        {
            Solves = solution.Solves,
            Measures = new SortedDictionary<string, FitAndTest> { ["maxOverMean"] = new(new PlanEvaluator(problem, input.Trace, input.All).Measure(solution.Layers).MaxOverMean, null) },
        }.Save(PlanPath);
    }

    /// <summary>Writes the plan changed, as an editor would: no rule is checked.</summary>
    public void Edit(Func<PlacementPlan, PlacementPlan> change) => File.WriteAllText(PlanPath, JsonFile.ToText(change(Loaded)));

    public void Dispose() => _folder.Dispose();
}
