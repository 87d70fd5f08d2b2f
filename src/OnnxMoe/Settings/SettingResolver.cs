using System.Text.Json;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Cli.Settings;

/// <summary>
/// Brings the sources of settings together: defaults, then the recipe, then the environment, then the command line. Every key
/// of every source must be known and every value right, even one that a later source replaces.
/// </summary>
public static class SettingResolver
{
    /// <exception cref="UserError">An unknown key, an ill-typed value or a value out of range.</exception>
    public static ResolvedSettings Resolve(Arguments arguments, SettingCatalog catalog)
    {
        List<SettingSource> sources = [SettingSource.OfEnvironment(), SettingSource.OfCommandLine(arguments.Settings)];
        var outer = Merge(sources, catalog);
        var models = Text(outer, catalog, nameof(Recipe.Models));
        var name = Text(outer, catalog, nameof(Recipe.Name));
        var recipe = FindRecipe(arguments.Recipe, name, models);
        if (recipe is null)
            return new ResolvedSettings(catalog, outer);
        sources.Insert(0, SettingSource.Of(recipe));
        var all = Merge(sources, catalog);
        if (Text(all, catalog, nameof(Recipe.Name)).Length == 0)
            all[catalog.Find(nameof(Recipe.Name))!] = recipe.Name;
        return new ResolvedSettings(catalog, all, recipe);
    }

    /// <summary>The recipe asked for; without one, the recipe that has the model's name, if there is one.</summary>
    static RecipeFile? FindRecipe(string? asked, string model, string models)
    {
        if (asked is not null)
            return RecipeFile.Read(asked, models);
        return model.Length > 0 && RecipeFile.Names(models).Contains(model) ? RecipeFile.Read(model, models) : null;
    }

    static string Text(Dictionary<Setting, object> values, SettingCatalog catalog, string key)
    {
        var setting = catalog.Find(key)!;
        return (string)(values.TryGetValue(setting, out var value) ? value : setting.Default!);
    }

    static Dictionary<Setting, object> Merge(IEnumerable<SettingSource> sources, SettingCatalog catalog)
    {
        var values = new Dictionary<Setting, object>();
        foreach (var source in sources)
        {
            foreach (var group in source.Entries.GroupBy(e => Match(e, source, catalog)))
            {
                if (group.Key is { } setting)
                    values[setting] = Value(setting, [.. group], source);
            }
        }
        return values;
    }

    /// <summary>The setting that an entry sets, or null for a section with nothing in it.</summary>
    static Setting? Match(KeyValuePair<string, string?> entry, SettingSource source, SettingCatalog catalog)
    {
        if (catalog.Find(entry.Key) is { } setting)
            return setting;
        if (entry.Value is null && catalog.FindSection(entry.Key) is not null)
            return null;
        var parent = entry.Key.LastIndexOf(':') is var colon and > 0 ? entry.Key[..colon] : "";
        if (catalog.Find(parent) is { IsList: true } list)
            return list;
        var place = source.Place(entry.Key);
        if (catalog.Find(parent) is { } scalar)
            throw SettingText.Mistake(scalar, source.Recipe is { } file ? RecipeFile.Describe(file.Kind(parent)) : "a section", place);
        if (catalog.FindSection(entry.Key) is { } section)
            throw new UserError($"{section.Name} is a section with settings of its own, not a value; {place} says '{entry.Value}'.");
        throw new UserError($"Unknown setting '{entry.Key}' from {place}; the nearest known one is "
            + $"'{Nearest.Key(entry.Key, catalog.All.Select(s => s.Key))}' ('onnxmoe help' lists them all).");
    }

    static object Value(Setting setting, IReadOnlyList<KeyValuePair<string, string?>> entries, SettingSource source)
    {
        var place = source.Place(setting.Key);
        if (!setting.IsList)
        {
            CheckKind(setting, setting.Key, source);
            return SettingText.Parse(setting, entries[0].Value ?? "", place);
        }
        var texts = new List<string>();
        foreach (var entry in entries.OrderBy(e => e.Key.Length).ThenBy(e => e.Key, StringComparer.Ordinal))
        {
            if (entry.Key.Length > setting.Key.Length)
            {
                CheckKind(setting, entry.Key, source);
                texts.Add(entry.Value ?? "");
            }
            else if (source.Recipe is { } recipe && recipe.Kind(entry.Key) != JsonValueKind.Array)
            {
                throw SettingText.Mistake(setting, RecipeFile.Describe(recipe.Kind(entry.Key)), place);
            }
            else
            {
                texts.AddRange((entry.Value ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
            }
        }
        var list = Array.CreateInstance(setting.Property.PropertyType.GetElementType()!, texts.Count);
        for (var i = 0; i < texts.Count; i++)
            list.SetValue(SettingText.Parse(setting, texts[i], place), i);
        return list;
    }

    /// <summary>In a recipe numbers must be JSON numbers, texts JSON strings, and so on.</summary>
    static void CheckKind(Setting setting, string key, SettingSource source)
    {
        if (source.Recipe is not { } recipe)
            return;
        var kind = recipe.Kind(key);
        var isRight = setting.ScalarType == typeof(bool) ? kind is JsonValueKind.True or JsonValueKind.False
            : setting.ScalarType == typeof(string) || setting.ScalarType.IsEnum ? kind is JsonValueKind.String
            : kind is JsonValueKind.Number;
        if (!isRight)
            throw SettingText.Mistake(setting, RecipeFile.Describe(kind), source.Place(key));
    }
}
