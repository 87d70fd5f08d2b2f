using OnnxMoe.Artifacts;
using OnnxMoe.Exporter;
using OnnxMoe.Supernets;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Searches a supernet, which is trained first where it is not.</summary>
public sealed class SearchVerb : Verb
{
    public override string Name => "search";

    public override string Summary => "searches a supernet for the best subnetworks; extracts, exports and times the chosen one";

    public override string Usage => "search RECIPE";

    public override string ArgumentKey => RecipeKey;

    public override string OwnSection => "Search";

    public override IReadOnlyList<string> Sections => ["Search", .. new TrainVerb().Sections, "Export"];

    public override IReadOnlyList<string> Examples =>
    [
        "onnxmoe search digits-mlp",
        "onnxmoe search digits-mlp --budget 100 --method evolution --objectives loss,flops",
        "onnxmoe search digits-mlp --choose best --limit latency=0.03",
    ];

    public override async Task RunAsync(VerbContext context)
    {
        var folder = ModelFolder.New(context, this);
        if (!File.Exists(Path.Combine(folder, ModelManifest.FileName)))
            await new TrainVerb().RunAsync(context);
        SearchRun.Execute(folder, context.Settings.Get<SearchOptions>(OwnSection), context.Settings.Get<ExportOptions>("Export"), context.Settings.Root.Seed, context.Output,
            terminal: !Console.IsOutputRedirected, context.Stop);
    }
}
