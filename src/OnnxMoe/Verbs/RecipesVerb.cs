using OnnxMoe.Cli.Settings;
using OnnxMoe.Experiments;
using OnnxMoe.Experiments.Recipes;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Lists the recipes in the models folder, each with its description, or explains one.</summary>
public sealed class RecipesVerb : Verb
{
    private static readonly string[] Naming = [nameof(Recipe.Name), nameof(Recipe.Description), nameof(Recipe.Paper), nameof(Recipe.Models)];

    public override string Name => "recipes";

    public override string Summary => "lists the recipes; explains the one that is named";

    public override string Usage => "recipes [RECIPE]";

    public override string ArgumentKey => RecipeKey;

    public override IReadOnlyList<string> Sections => ["Data", "Model", "Supernet", "Reproduce"];

    public override IReadOnlyList<string> Examples => ["onnxmoe recipes", "onnxmoe recipes demo", "onnxmoe recipes demo --Model:Experts=64"];

    public override Task RunAsync(VerbContext context)
    {
        if (context.Settings.RecipeFile is { } recipe)
            Explain(recipe.Name, context);
        else
            List(context);
        return Task.CompletedTask;
    }

    private static void List(VerbContext context)
    {
        var models = context.Settings.Root.Models;
        var names = RecipeFile.Names(models);
        if (names.Count == 0)
            context.Output.WriteLine($"There are no recipes in {Path.Combine(models, "recipes")}.");
        var width = names.Select(n => n.Length).DefaultIfEmpty().Max();
        foreach (var name in names)
        {
            var description = RecipeFile.Read(name, models).Load()[nameof(Recipe.Description)];
            context.Output.WriteLine($"{name.PadRight(width)}  {description}".TrimEnd());
        }
    }

    private static void Explain(string name, VerbContext context)
    {
        var settings = context.Settings;
        var changed = settings.Changed.Where(setting => !Naming.Contains(setting.Key)).Select(setting => (setting.Key, SettingText.Format(setting.Value)));
        new RecipePage(name, settings.Root.Description, settings.Root.Paper, settings.Get<DataOptions>("Data"), settings.Get<ModelOptions>("Model"),
            settings.Get<SupernetOptions>("Supernet").SpaceFile(settings.Root.Models), settings.Get<SupernetOptions>("Supernet"), [.. changed], settings.Get<ReproduceOptions>("Reproduce").Docs).Write(context.Output);
    }
}
