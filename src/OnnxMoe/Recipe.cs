using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Cli;

/// <summary>The settings at the root of a recipe; every stage's own settings are in its section.</summary>
public sealed class Recipe
{
    [Setting("Name of the model: its folder in Models; unless given, the recipe's name")]
    public string Name { get; init; } = "";

    [Setting("What the recipe is for, in one line")]
    public string Description { get; init; } = "";

    [Setting("The paper that the recipe follows, for example arXiv 2401.06066")]
    public string Paper { get; init; } = "";

    [Setting("Seed of everything random: initial weights, data order, sampling", Min = 0)]
    public long Seed { get; init; } = 1;

    [Setting("Folder that holds the models, and in recipes/ the recipes")]
    public string Models { get; init; } = "models";
}
