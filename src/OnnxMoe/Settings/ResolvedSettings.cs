using System.Text.Json;
using System.Text.Json.Nodes;

namespace OnnxMoe.Cli.Settings;

/// <summary>The settings of one run, after all sources: the options objects of the stages.</summary>
public sealed class ResolvedSettings(SettingCatalog catalog, IReadOnlyDictionary<Setting, object> given, RecipeFile? recipe = null)
{
    /// <summary>The recipe among the sources; null when there is none.</summary>
    public RecipeFile? RecipeFile { get; } = recipe;

    /// <summary>The settings whose value is not the default, in the order in which help lists them.</summary>
    public IEnumerable<(string Key, object Value)> Changed =>
        from setting in catalog.Sections.SelectMany(section => section.Settings)
        where given.ContainsKey(setting) && SettingText.Format(given[setting]) != SettingText.Format(setting.Default)
        select (setting.Key, given[setting]);

    /// <summary>The settings at the root.</summary>
    public Recipe Root => Get<Recipe>("");

    /// <summary>The options object of a section: the defaults, and over them whatever the sources gave.</summary>
    public T Get<T>(string section) => (T)catalog.Sections.Single(s => s.Name == section).CreateOptions(given);

    /// <summary>True when a source other than the defaults sets this key.</summary>
    public bool IsGiven(string key) => catalog.Find(key) is { } setting && given.ContainsKey(setting);

    /// <summary>The settings of another recipe, with this run's folders, threads and device.</summary>
    public ResolvedSettings OfRecipe(string name)
    {
        string[] shared = [nameof(Recipe.Models), "Data:Folder", "Trainer:Threads", "Trainer:Device"];
        var settings = shared.Select(key => catalog.Find(key)).OfType<Setting>().Where(given.ContainsKey)
            .Select(setting => $"--{setting.Key}={SettingText.Format(given[setting])}");
        return SettingResolver.Resolve(Arguments.Of(name, settings), catalog);
    }

    /// <summary>The root and the named sections with every setting in it, as a recipe that says the same.</summary>
    public JsonObject ToJson(params string[] sections)
    {
        var json = new JsonObject();
        foreach (var section in catalog.Sections.Where(s => s.Name.Length == 0 || sections.Contains(s.Name)))
        {
            if (section.Name.Length == 0)
                Fill(json, section);
            else
                Fill((JsonObject)(json[section.Name] = new JsonObject())!, section);
        }
        return json;
    }

    void Fill(JsonObject target, SettingSection section)
    {
        foreach (var setting in section.Settings)
            target[setting.Name] = Node(given.TryGetValue(setting, out var value) ? value : setting.Default);
        foreach (var inner in section.Inner)
            Fill((JsonObject)(target[inner.LocalName] = new JsonObject())!, inner);
    }

    static JsonNode? Node(object? value) => value is Enum word
        ? JsonValue.Create(word.ToString().ToLowerInvariant())
        : JsonSerializer.SerializeToNode(value);
}
