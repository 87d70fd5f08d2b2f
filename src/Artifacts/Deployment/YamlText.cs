using System.Text.Encodings.Web;
using System.Text.Json;

namespace OnnxMoe.Artifacts.Deployment;

/// <summary>Texts in YAML.</summary>
public static class YamlText
{
    /// <summary>JSON strings of ASCII alone, which are YAML strings too.</summary>
    private static readonly JsonSerializerOptions Ascii = new() { Encoder = JavaScriptEncoder.Default };

    /// <summary>A text in quotes: a name like "on" or "null" stays a text.</summary>
    public static string Quoted(string text) => JsonSerializer.Serialize(text, Ascii);

    /// <summary>A flow sequence of texts.</summary>
    public static string List(params IEnumerable<string> texts) => $"[{string.Join(", ", texts.Select(Quoted))}]";
}
