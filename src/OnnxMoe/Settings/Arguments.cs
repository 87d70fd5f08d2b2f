using OnnxMoe.Artifacts;
using OnnxMoe.Cli.Verbs;

namespace OnnxMoe.Cli.Settings;

/// <summary>
/// A verb's command line: <c>--Section:Name=value</c>, <c>--name value</c> for the verb's own section, an alias or the root,
/// a switch without a value for true, and an argument without dashes, or several where the verb's argument is a list.
/// </summary>
public sealed class Arguments
{
    readonly List<string> _settings = [];

    public bool WantsHelp { get; private set; }

    /// <summary>The recipe's name or path, when the command line gives one.</summary>
    public string? Recipe { get; private set; }

    /// <summary>Every setting as <c>--Section:Name=value</c>, the form that Microsoft.Extensions.Configuration reads.</summary>
    public IReadOnlyList<string> Settings => _settings;

    /// <summary>A recipe, and settings as <c>--Section:Name=value</c>.</summary>
    public static Arguments Of(string recipe, params IEnumerable<string> settings)
    {
        var result = new Arguments { Recipe = recipe };
        result._settings.AddRange(settings);
        return result;
    }

    /// <exception cref="UserError">An argument too many, or a setting without its value.</exception>
    public static Arguments Parse(IEnumerable<string> args, Verb verb, SettingCatalog catalog)
    {
        var result = new Arguments();
        var queue = new Queue<string>(args);
        var takesSeveral = catalog.Find(verb.ArgumentKey) is { IsList: true };
        var words = new List<string>();
        while (queue.TryDequeue(out var word))
        {
            if (word is "--help" or "-h" or "-?")
            {
                result.WantsHelp = true;
            }
            else if (word.StartsWith("--", StringComparison.Ordinal) && word.Length > 2)
            {
                result.AddSetting(word[2..], queue, verb, catalog);
            }
            else if (word.StartsWith('-'))
            {
                throw new UserError($"'{word}' is not a setting; settings start with two dashes ('onnxmoe {verb.Name} --help' lists them).");
            }
            else
            {
                if (verb.ArgumentKey.Length == 0 || (words.Count > 0 && !takesSeveral))
                    throw new UserError($"onnxmoe {verb.Name} does not know what to do with '{word}'; usage: onnxmoe {verb.Usage}.");
                words.Add(word);
            }
        }
        if (words.Count > 0)
            result.Add(verb.ArgumentKey, string.Join(',', words));
        return result;
    }

    void AddSetting(string text, Queue<string> rest, Verb verb, SettingCatalog catalog)
    {
        var equals = text.IndexOf('=');
        var name = equals < 0 ? text : text[..equals];
        var key = Expand(name, verb, catalog);
        if (equals >= 0)
        {
            Add(key, text[(equals + 1)..]);
            return;
        }
        var next = rest.TryPeek(out var word) && !word.StartsWith("--", StringComparison.Ordinal) ? word : null;
        if (catalog.Find(key)?.ScalarType == typeof(bool) && !bool.TryParse(next, out _))
        {
            Add(key, "true");
            return;
        }
        if (next is null && (key == Verb.RecipeKey || catalog.Find(key) is not null))
            throw new UserError($"--{name} needs a value, as in --{name}=VALUE.");
        Add(key, next is null ? "" : Value(rest, next.Contains(',') ? 1 : catalog.Find(key)?.Attribute.Words ?? 1));
    }

    /// <summary>The next words as one value, at most so many.</summary>
    static string Value(Queue<string> rest, int words)
    {
        var value = new List<string> { rest.Dequeue() };
        while (value.Count < words && rest.TryPeek(out var word) && !word.StartsWith("--", StringComparison.Ordinal))
            value.Add(rest.Dequeue());
        return string.Join(',', value);
    }

    void Add(string key, string value)
    {
        if (key == Verb.RecipeKey)
            Recipe = value;
        else
            _settings.Add($"--{key}={value}");
    }

    /// <summary>The key that a name stands for; a name that is not known stays as it is and is refused later, by name.</summary>
    static string Expand(string name, Verb verb, SettingCatalog catalog)
    {
        if (name.Contains(':'))
            return name;
        var plain = name.Replace("-", "", StringComparison.Ordinal);
        if (plain.Equals("recipe", StringComparison.OrdinalIgnoreCase))
            return Verb.RecipeKey;
        if (verb.OwnSection.Length > 0 && catalog.Find($"{verb.OwnSection}:{plain}") is { } own)
            return own.Key;
        var alias = verb.Aliases.FirstOrDefault(a => a.Key.Equals(plain, StringComparison.OrdinalIgnoreCase));
        return alias.Value ?? catalog.Find(plain)?.Key ?? name;
    }
}
