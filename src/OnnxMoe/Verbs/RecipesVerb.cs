using OnnxMoe.Cli.Settings;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Lists the recipes in the models folder, each with its description.</summary>
public sealed class RecipesVerb : Verb
{
    public override string Name => "recipes";

    public override string Summary => "lists the recipes";

    public override Task RunAsync(VerbContext context)
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
        return Task.CompletedTask;
    }
}
