using OnnxMoe.Placement;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Searches how to divide a model over the GPUs of a cluster for training.</summary>
public sealed class MapVerb : Verb
{
    public override string Name => "map";

    public override string Summary => "searches how to divide a mixture-of-experts model over GPUs for training";

    public override string Usage => "map SHAPE --cluster NAME";

    public override string ArgumentKey => "Map:ModelShape";

    public override string OwnSection => "Map";

    public override IReadOnlyList<string> Examples =>
    [
        "onnxmoe map mixtral-8x22b --cluster dgx-h100 --nodes 16",
        "onnxmoe map --model-shape qwen2-57b-a14b --cluster dgx-h100 --nodes 8 --recompute never --cp 1",
    ];

    public override Task RunAsync(VerbContext context)
    {
        var options = context.Settings.Get<MapOptions>(OwnSection);
        var models = context.Settings.Root.Models;
        options.Cluster = KnownFile.Find(options.Cluster, Path.Combine(models, "clusters"), "cluster");
        options.ModelShape = KnownFile.Find(options.ModelShape, Path.Combine(models, "shapes"), "model shape");
        MapRun.Execute(options, context.Output, context.Stop);
        return Task.CompletedTask;
    }
}
