using System.Text.Json.Nodes;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>An object inside tokenizer.json whose accessors say what is wrong and where.</summary>
internal sealed class TokenizerJsonObject(JsonObject fields, string place, string path)
{
    public IEnumerable<string> Names => fields.Select(pair => pair.Key);

    public TokenizerJsonObject Object(string name) => OptionalObject(name) ?? throw Error(name, "is missing, but only byte-level BPE tokenizers are supported, which have it");

    public TokenizerJsonObject? OptionalObject(string name) => fields[name] switch
    {
        null => null,
        JsonObject inner => new TokenizerJsonObject(inner, Place(name) + ".", path),
        _ => throw Error(name, "should be an object {...}"),
    };

    public JsonArray Array(string name) => fields[name] as JsonArray ?? throw Error(name, "should be a list [...]");

    public IEnumerable<TokenizerJsonObject> List(string name) => Array(name).Select((item, i) =>
        new TokenizerJsonObject(item as JsonObject ?? throw Error($"{name}[{i}]", "should be an object {...}"), $"{Place(name)}[{i}].", path));

    public string Text(string name) => Value<string>(name) ?? throw Error(name, "should be a text in quotes");

    public int Integer(string name) => fields[name] is JsonValue value && value.TryGetValue<int>(out var number) && number >= 0 ? number : throw Error(name, "should be a token id");

    /// <summary>A truth value; absent means false.</summary>
    public bool Flag(string name) => fields[name] switch
    {
        null => false,
        JsonValue value when value.TryGetValue<bool>(out var flag) => flag,
        _ => throw Error(name, "should be true or false"),
    };

    /// <summary>The field must have that text.</summary>
    public TokenizerJsonObject Require(string name, string expected) =>
        Text(name) == expected ? this : throw Error(name, $"is '{Text(name)}', but only '{expected}' is supported");

    /// <summary>The field must have that value; absent means what Hugging Face takes by default: true for use_regex, else false.</summary>
    public TokenizerJsonObject Require(string name, bool expected) =>
        (fields[name] == null ? name == "use_regex" : Flag(name)) == expected ? this : throw Error(name, $"is {(expected ? "false" : "true")}, which is not supported");

    /// <summary>The fields must be null, empty or absent.</summary>
    public void RequireAbsent(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            if (fields[name] != null && Value<string>(name) != "")
                throw Error(name, "is set, which is not supported");
    }

    public UserError Error(string name, string problem) => new($"{path}: '{Place(name)}' {problem}.");

    private string Place(string name) => place + name;

    private T? Value<T>(string name) where T : class => fields[name] is JsonValue value && value.TryGetValue<T>(out var result) ? result : null;
}
