using OnnxMoe.Experiments.Comparisons;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Trains several recipes at an equal budget and writes one page on quality, load, size and time.</summary>
public sealed class CompareVerb : Verb
{
    public override string Name => "compare";

    public override string Summary => "trains and times several recipes at an equal budget; one HTML page of all";

    public override string Usage => "compare RECIPE...";

    public override string ArgumentKey => "Compare:Recipes";

    public override string OwnSection => "Compare";

    public override IReadOnlyList<string> Sections => ["Data", "Model", "Start", "Trainer", "Compare"];

    public override IReadOnlyList<string> Examples =>
    [
        "onnxmoe compare demo wider.json --steps 300",
        "onnxmoe compare tiny demo --flops 1e12 --Data:Tokenizer=bytes",
    ];

    public override Task RunAsync(VerbContext context)
    {
        var options = context.Settings.Get<CompareOptions>(OwnSection);
        CompareRun.Execute([.. options.Recipes.Select(recipe => Resolve(recipe, context))], options, context.Output, terminal: !Console.IsOutputRedirected, context.Stop);
        return Task.CompletedTask;
    }

    private static (string, TrainSettings) Resolve(string recipe, VerbContext context)
    {
        var settings = context.ForRecipe(recipe);
        var name = settings.RecipeFile!.Name;
        var start = settings.Get<StartOptions>("Start");
        // The compared models lie in a folder of their own; those that they start from do not.
        start.From = string.Join(',', start.Sources().Select(source => source.Contains('/') ? source : Path.Combine(settings.Root.Models, source)));
        return (name, new TrainSettings(name, settings.Root.Seed, settings.Get<DataOptions>("Data"), settings.Get<ModelOptions>("Model"), settings.Get<TrainerOptions>("Trainer")) { Start = start });
    }
}
