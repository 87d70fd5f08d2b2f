using Microsoft.Extensions.Configuration;

namespace OnnxMoe.Cli.Settings;

/// <summary>One of the places that settings come from: the recipe, the environment or the command line.</summary>
public sealed class SettingSource(IConfigurationRoot configuration, Func<string, string> place, RecipeFile? recipe = null)
{
    public const string EnvironmentPrefix = "ONNXMOE__";

    /// <summary>The recipe behind this source, which knows the JSON types; null for the sources that are text.</summary>
    public RecipeFile? Recipe { get; } = recipe;

    /// <summary>The keys with their values; a section without settings in it has the value null.</summary>
    public IReadOnlyList<KeyValuePair<string, string?>> Entries { get; } =
        [.. configuration.AsEnumerable().Where(e => !configuration.GetSection(e.Key).GetChildren().Any()).OrderBy(e => e.Key, StringComparer.OrdinalIgnoreCase)];

    public static SettingSource Of(RecipeFile recipe) => new(recipe.Load(), _ => recipe.Path, recipe);

    public static SettingSource OfEnvironment() => new(
        new ConfigurationBuilder().AddEnvironmentVariables(EnvironmentPrefix).Build(),
        key => $"the environment variable {EnvironmentPrefix}{key.Replace(":", "__", StringComparison.Ordinal)}");

    public static SettingSource OfCommandLine(IEnumerable<string> settings) => new(
        new ConfigurationBuilder().AddCommandLine([.. settings]).Build(),
        key => $"the command line (--{key})");

    /// <summary>Where exactly a key was given, to be put into a sentence.</summary>
    public string Place(string key) => place(key);
}
