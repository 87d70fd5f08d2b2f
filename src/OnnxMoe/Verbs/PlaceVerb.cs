using OnnxMoe.Placement;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Deployment;
using OnnxMoe.Placement.Explanations;
using OnnxMoe.Placement.Plans;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Plans which GPU of a cluster holds which expert.</summary>
public sealed class PlaceVerb : Verb
{
    public override string Name => "place";

    public override string Summary => "plans which GPU of a cluster holds which expert, from the model's routing trace";

    public override string Usage => "place MODEL --cluster FILE";

    public override string ArgumentKey => nameof(Recipe.Name);

    public override string OwnSection => "Place";

    public override IReadOnlyDictionary<string, string> Aliases => NamedModel;

    public override IReadOnlyList<string> Examples =>
    [
        "onnxmoe place demo --cluster models/clusters/two-nodes.json",
        "onnxmoe place demo --cluster dgx-h100 --nodes 2",
        "onnxmoe place --synthetic 58x256x8 --cluster dgx-h100 --nodes 4 --output plan",
        "onnxmoe place --trace trace.json --cluster models/clusters/one-node.json --output plan",
        "onnxmoe place demo --explain 1 5",
        "onnxmoe place demo --plan models/demo/placement.json --deploy both",
    ];

    public override Task RunAsync(VerbContext context)
    {
        var options = context.Settings.Get<PlaceOptions>(OwnSection);
        if (!context.Settings.IsGiven("Place:Seed"))
            options.Seed = (int)(context.Settings.Root.Seed % int.MaxValue);
        var clusters = Path.Combine(context.Settings.Root.Models, "clusters");
        options.Cluster = KnownFile.Find(options.Cluster, clusters, "cluster");
        // A trace from elsewhere can be planned for without a model of ours, and a plan can be looked at.
        var isModelNeeded = (options.Trace.Length == 0 && options.Synthetic.Length == 0 && (options.Plan.Length == 0 || options.Explain.Length > 0)) || context.Settings.Root.Name.Length > 0;
        var model = isModelNeeded ? ModelFolder.Existing(context, this) : "";
        if (options.Explain.Length > 0)
        {
            ExplainRun.Execute(model, options, clusters, context.Output);
            return Task.CompletedTask;
        }
        if (options.Plan.Length > 0)
            PlanFile.Check(model, options, context.Output);
        else
            PlaceRun.Execute(model, options, context.Output, context.Stop);
        DeployRun.Execute(model, options, context.Output);
        return Task.CompletedTask;
    }
}
