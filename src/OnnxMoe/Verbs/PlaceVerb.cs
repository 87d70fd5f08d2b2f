using OnnxMoe.Placement;
using OnnxMoe.Placement.Clusters;

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
    ];

    public override Task RunAsync(VerbContext context)
    {
        var options = context.Settings.Get<PlaceOptions>(OwnSection);
        if (!context.Settings.IsGiven("Place:Seed"))
            options.Seed = (int)(context.Settings.Root.Seed % int.MaxValue);
        options.Cluster = KnownFile.Find(options.Cluster, Path.Combine(context.Settings.Root.Models, "clusters"), "cluster");
        // A trace from elsewhere can be planned for without a model of ours.
        var isModelNeeded = (options.Trace.Length == 0 && options.Synthetic.Length == 0) || context.Settings.Root.Name.Length > 0;
        PlaceRun.Execute(isModelNeeded ? ModelFolder.Existing(context, this) : "", options, context.Output, context.Stop);
        return Task.CompletedTask;
    }
}
