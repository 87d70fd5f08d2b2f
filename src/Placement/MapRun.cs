using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Mappings;
using OnnxMoe.Placement.Reports;

namespace OnnxMoe.Placement;

/// <summary>The verb <c>map</c>: tries all mappings of a model on a cluster, writes mapping.json and report.html.</summary>
public static class MapRun
{
    /// <param name="options">Settings.</param>
    /// <param name="log">Takes the table.</param>
    /// <param name="cancellation">Stops the search; nothing is written then.</param>
    /// <exception cref="UserError">A mistake in the settings or the files, or no mapping fits.</exception>
    public static void Execute(MapOptions options, TextWriter log, CancellationToken cancellation)
    {
        if (options.ModelShape == "")
            throw new UserError("Which model? Name the file of its sizes, or one in models/shapes, such as mixtral-8x22b.");
        var shape = ModelShape.Load(options.ModelShape);
        TrainingJob Job(int nodes) => new(shape, Cluster.Load(options.Cluster, nodes), options.Sequence, options.Batch)
        {
            CapacityFactor = options.CapacityFactor,
            PadToCapacity = options.PadToCapacity,
        };
        var job = Job(options.Nodes);
        var (space, assumptions) = (options.Space, options.Assumptions);
        job.Check();
        log.WriteLine($"{shape.Name} ({Billions(shape.Parameters)} weights, {Billions(shape.ActiveParameters)} active) on '{job.Cluster.Name}' ({job.Gpus} GPUs, {job.Cluster.Nodes} nodes), {job.Batch} sequences of {job.Sequence} tokens a step");
        var result = new MappingSearch(job, space, assumptions).Run(cancellation);
        log.WriteLine($"{Units.Number(result.Tried)} mappings divide model, batch and GPUs; {Units.Number(result.Fitting.Count)} fit into memory, {Units.Number(result.TooMuchState)} have too much state, {Units.Number(result.TooManyActivations)} too many activations.");
        if (result.Best is not { } best)
        {
            var canGrow = JsonFile.Load<ClusterDescription>(options.Cluster).Nodes.Count == 1;
            throw new UserError($"No mapping of {shape.Name} fits '{job.Cluster.Name}'. " + string.Join(' ', new Relaxation(result, space, assumptions, canGrow ? Job : null).Sentences()));
        }
        var listed = result.BestOfEachGrid.Take(options.Top).ToList();
        WriteTable(result, listed, log);
        var (planPath, reportPath) = (Path.Combine(options.Output, MappingPlan.FileName), Path.Combine(options.Output, PlaceRun.ReportFile));
        MappingPlan.Of(result, listed).Save(planPath);
        new MappingReport(result, listed, new StepTimeModel(job, assumptions), assumptions).Build().Save(reportPath);
        log.WriteLine($"Predicted by a model of costs, not measured. Mapping: {planPath}");
        log.WriteLine($"Report:  {reportPath}");
    }

    static void WriteTable(MappingSearchResult result, IReadOnlyList<StepEstimate> listed, TextWriter log)
    {
        log.WriteLine($"  {"MFU",6}  {"step",8}  {"memory",10}  {"",-8}  mapping");
        foreach (var estimate in listed)
            log.WriteLine(Line(estimate));
        if (result.BestUnfolded is { } unfolded && !listed.Contains(unfolded))
            log.WriteLine(Line(unfolded));
        if (result is { BestFolded: { } folded, BestUnfolded: { } other })
            log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Folded against best unfolded: {folded.Mfu:P1} and {other.Mfu:P1} of the peak, {other.Seconds / folded.Seconds:0.00} times as fast."));
        else if (result.BestUnfolded is null)
            log.WriteLine("No unfolded mapping fits.");
    }

    static string Line(StepEstimate estimate) =>
        $"  {Units.Percent(estimate.Mfu),6}  {Units.Seconds(estimate.Seconds),8}  {Units.Bytes((long)estimate.Memory.Total),10}  {(estimate.Mapping.Grid.IsFolded ? "folded" : "unfolded"),-8}  {estimate.Mapping}";

    static string Billions(long weights) => string.Create(CultureInfo.InvariantCulture, $"{weights / 1e9:0.0} billion");
}
