using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Balance;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Generalization;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Reports;
using OnnxMoe.Placement.Search;
using OnnxMoe.Placement.Solvers;

namespace OnnxMoe.Placement;

/// <summary>The verb <c>place</c>: compares all solvers on a trace and a cluster, writes placement.json and report.html.</summary>
public static class PlaceRun
{
    /// <summary>Name of the report beside the plan.</summary>
    public const string ReportFile = "report.html";

    /// <summary>Plans the placement of a model's experts.</summary>
    /// <param name="modelFolder">Folder with manifest.json and trace.bin; may lack both when <see cref="PlaceOptions.Trace"/> names a trace.</param>
    /// <param name="options">Settings.</param>
    /// <param name="log">Progress and result.</param>
    /// <param name="cancellation">Stops the work; nothing is written then.</param>
    /// <exception cref="UserError">A mistake in the cluster, the trace or the settings.</exception>
    public static void Execute(string modelFolder, PlaceOptions options, TextWriter log, CancellationToken cancellation)
    {
        var engine = Engines.Choose(options.Engine);
        var input = PlacementInput.Read(modelFolder, options);
        PlanWeights.Parse(options.Objective, input.Problem(input.All)); // a mistake in it is said before any work
        if (options.From != "" && options.Method is not ("search" or "joint"))
            throw new UserError($"Place:From is the plan '{options.From}', but the method {options.Method} plans anew; re-plan with --method search, or joint where the instance is small.");
        var solvers = SolverList.Chosen(options, engine);
        var chosen = solvers.First(s => s.Name == options.Method);
        Announce(input, engine, log);
        var candidates = new Comparison(input, options).Run(solvers, log, cancellation);
        var winner = candidates.Single(c => c.Method == options.Method);
        if (winner.Solution is null)
            throw new UserError(winner.Failure);
        var study = Studied(input, options, engine, winner, log, cancellation);
        var final = options.UseAllTokens && input.Test.Length > 0 ? chosen.Solve(input.Problem(input.All), cancellation) : winner.Solution;
        var plan = Plan(input, options, final, winner);
        var folder = options.Output != "" ? options.Output : input.Manifest is null ? "." : modelFolder;
        var (planPath, reportPath) = (Path.Combine(folder, PlacementPlan.FileName), Path.Combine(folder, ReportFile));
        plan.Save(planPath);
        new PlacementReport(input, candidates, winner, final, plan, study, options).Build().Save(reportPath);
        foreach (var note in final.Notes)
            log.WriteLine($"Note: {note}");
        log.WriteLine($"Plan:   {planPath}");
        log.WriteLine($"Report: {reportPath}");
    }

    /// <summary>Fits again on other halves of the tokens and on other kinds of them, with shorter limits.</summary>
    static GeneralizationStudy Studied(PlacementInput input, PlaceOptions options, string engine, Candidate winner, TextWriter log, CancellationToken cancellation)
    {
        var solvers = SolverList.Chosen(options.ForSplits(), engine);
        if (input.Trace is not null && options.Splits > 0)
            log.WriteLine($"Fitting again on {options.Splits} other halves of the tokens, with a {Units.Percent(options.SplitShare)} share of the time limits ...");
        var scores = new SplitStudy(input, options).Run(solvers, cancellation);
        var drift = options.Splits == 0 ? null : DriftStudy.Run(input, solvers.First(s => s.Name == winner.Method), cancellation);
        var study = new GeneralizationStudy(scores, drift);
        foreach (var warning in study.Warnings)
            log.WriteLine($"Warning: {warning}");
        if (study.Recommendation is { } recommended)
            log.WriteLine($"Recommended: {recommended.Method}; {recommended.Reason}");
        return study;
    }

    static void Announce(PlacementInput input, string engine, TextWriter log)
    {
        var problem = input.Problem(input.All);
        log.WriteLine($"{input.Source.Model}: {problem.Layers} routed layers of {string.Join("/", problem.Statistics.Layers.Select(l => l.Experts).Distinct())} experts on '{input.Cluster.Name}' ({problem.Gpus} GPUs, {input.Cluster.Nodes} nodes), integer programs by {engine}");
        log.WriteLine(input.Trace is null ? "Expert counts only: no traffic, no held-out tokens." : $"{input.All.Length} tokens: {input.Fit.Length} to fit, {input.Test.Length} to test.");
        if (input.Trace?.Warning is { } warning)
            log.WriteLine($"Warning: {warning}");
        if (problem.Statistics.EmptyLayers.Count > 0)
            log.WriteLine($"Warning: no token reached layer(s) {string.Join(", ", problem.Statistics.EmptyLayers)}; their experts are taken to be used evenly.");
        log.WriteLine($"  {"method",-20} {"max/mean load",-16} {"to bound",-9} {"busiest traffic",-20} {"GPUs a token",-16} time      (fit / test)");
    }

    static PlacementPlan Plan(PlacementInput input, PlaceOptions options, PlacementSolution solution, Candidate winner)
    {
        var gpus = input.Cluster.Devices.Count;
        var used = input.Sizes.ExpertBytes.Max() == 0 ? new long[gpus] : input.Sizes.Used(solution.Layers, gpus);
        return new PlacementPlan(PlacementPlan.CurrentFormat, solution.Solver, input.Source,
            [.. input.Cluster.Devices.Select((d, g) => new PlacedDevice(d.NodeName, d.MemoryBytes, used[g]))], solution.Layers)
        {
            Solves = [new PlanBalance(input.Problem(options.UseAllTokens ? input.All : input.Fit), solution.LayerBounds is { } bounds ? [bounds] : []).Of(solution.Solver, solution.Layers), .. solution.Solves],
            Measures = Measures(winner),
        };
    }

    static SortedDictionary<string, FitAndTest> Measures(Candidate winner)
    {
        var measures = new SortedDictionary<string, FitAndTest>(StringComparer.Ordinal);
        foreach (var (name, _, of, _) in MeasureList.All)
        {
            if (double.IsFinite(of(winner.Fit!)))
                measures[name] = new FitAndTest(of(winner.Fit!), winner.Test is { } test ? of(test) : null);
        }
        return measures;
    }
}
