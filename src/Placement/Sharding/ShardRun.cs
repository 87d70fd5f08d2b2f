using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;

namespace OnnxMoe.Placement.Sharding;

/// <summary>The verb <c>shard</c>: simulates every policy over recorded counts, prints the comparison, writes sharding.json and sharding.html.</summary>
public static class ShardRun
{
    /// <summary>Name of the report.</summary>
    public const string ReportFile = "sharding.html";

    /// <summary>A straggler factor below this leaves nothing to gain.</summary>
    public const double NothingToGain = 1.1;

    /// <param name="options">Settings.</param>
    /// <param name="log">Progress and result.</param>
    /// <param name="cancellation">Stops the work; nothing is written then.</param>
    /// <exception cref="UserError">A mistake in the counts, the cluster or the settings.</exception>
    public static void Execute(ShardOptions options, TextWriter log, CancellationToken cancellation)
    {
        if (options.Counts.Length == 0)
            throw new UserError("Which counts? Give a file with --counts: .csv with iteration, layer, expert, count; .npy [iterations, layers, experts]; or the metrics.jsonl of a training with Trainer:ExpertCounts.");
        var cluster = Cluster.Load(options.Cluster, options.Nodes);
        var study = new ShardingStudy(IterationCounts.Load(options.Counts, options.Experts), cluster, options, Path.GetFileNameWithoutExtension(options.Counts));
        Announce(study, log);
        var trainings = new List<SimulatedTraining>();
        foreach (var policy in study.Policies)
        {
            trainings.Add(study.Run(policy, cancellation));
            log.WriteLine(Line(trainings[^1], trainings[0]));
        }
        if (trainings[0].Straggler < NothingToGain)
            log.WriteLine(Nothing(trainings[0]));
        var gaps = Gaps(study, options, log, cancellation);
        var file = File(study, options, trainings) with { Gaps = gaps };
        var (path, report) = (Path.Combine(options.Output, ShardingFile.FileName), Path.Combine(options.Output, ReportFile));
        AtomicFile.WriteJson(path, file);
        new ShardingReport(study, trainings, gaps).Build().Save(report);
        log.WriteLine($"Plan:   {path}");
        log.WriteLine($"Report: {report}");
    }

    /// <summary>What to say when the load is even.</summary>
    internal static string Nothing(SimulatedTraining plain) => string.Create(CultureInfo.InvariantCulture,
        $"The busiest device of plain expert parallelism has {plain.Straggler:F3} times the mean load: there is nothing to gain from copies.");

    static void Announce(ShardingStudy study, TextWriter log)
    {
        var (counts, cluster, model) = (study.Counts, study.Costs.Cluster, study.Costs.Model);
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{counts.Iterations} iterations, {counts.Layers} layers of {counts.Experts} experts on '{cluster.Name}' ({cluster.Devices.Count} GPUs, {cluster.Nodes} nodes)"));
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Experts of {Units.Bytes(model.ExpertBytes)}, {model.TokensPerDevice:N0} tokens a device (a recorded token stands for {study.Scale:0.##}), attention {Units.Seconds(study.Costs.Attention)} a layer:"));
        log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"t = {study.Overlap} experts are copied unnoticed, m = {study.CopiesKept} fit on a device ({study.CopiesAgain} when made again for the backward)"));
        if (study.Overlap == 0)
            log.WriteLine("Note: attention hides no expert's transfer, so Hecate copies nothing; more tokens a device, or a faster network, would change that.");
        log.WriteLine("Simulated:");
        log.WriteLine($"  {"policy",-18} {"max/mean load",13} {"iteration",10} {"of ep",7} {"exposed",9} {"copies",7} {"experts' memory",16}");
    }

    static string Line(SimulatedTraining training, SimulatedTraining plain) => string.Create(CultureInfo.InvariantCulture,
        $"  {training.Policy.Name,-18} {training.Straggler,13:F3} {Units.Seconds(training.Seconds),10} {Units.Percent(training.Seconds / plain.Seconds),7} {Units.Seconds(training.Mean(i => i.Exposed + i.Moving)),9} {training.Mean(i => i.Copies),7:F0} {Units.Bytes(training.Memory.Total),16}");

    /// <summary>The first layer at a quarter, a half and three quarters of the training.</summary>
    static CopyGap[] Gaps(ShardingStudy study, ShardOptions options, TextWriter log, CancellationToken cancellation)
    {
        if (options.OptimumSeconds == 0 || study.Overlap == 0 || study.CopiesKept == 0)
            return [];
        var program = new CopyProgram(Engines.Choose("auto"), threads: 1, seed: 1, TimeSpan.FromSeconds(options.OptimumSeconds));
        CopyGap[] gaps = [.. new[] { 1, 2, 3 }.Select(quarter => study.Gap(program, quarter * study.Counts.Iterations / 4, 0, cancellation))];
        foreach (var gap in gaps)
            log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Layer 0 of iteration {gap.Iteration}, counts known beforehand: max/mean load {gap.Without:F3} without copies, {gap.Heuristic:F3} with Hecate's ({gap.Split:F3} if tokens were split at will), {gap.Best:F3} with the best found ({gap.Status}; no less than {gap.Bound:F3})"));
        return gaps;
    }

    static ShardingFile File(ShardingStudy study, ShardOptions options, IReadOnlyList<SimulatedTraining> trainings)
    {
        var (counts, cluster) = (study.Counts, study.Costs.Cluster);
        var estimator = new LoadEstimator(options.Window, counts.Layers, counts.Experts);
        for (var i = Math.Max(0, counts.Iterations - options.Window); i < counts.Iterations; i++)
            estimator.Add(counts[i]);
        var owners = HeterogeneousSharding.Plan(estimator.Estimate!, study.Overlap, cluster, options.AllowUneven);
        PlacedLayer[] placed = [.. owners.Select((layer, l) => SparseMaterialization.Plan(layer, estimator.Estimate![l], study.Overlap, study.CopiesKept, cluster))];
        return new ShardingFile(ShardingFile.CurrentFormat, Path.GetFileName(options.Counts), Checksums.Sha256(options.Counts), cluster.Name, study.Costs.Model,
            study.Overlap, study.CopiesKept, study.CopiesAgain, [.. trainings.Select(PolicyFigures.Of)], owners, placed);
    }
}
