using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http;

/// <summary>JSON bodies in and out.</summary>
internal static class Json
{
    /// <summary>Text goes out as it is, not as \u escapes.</summary>
    public static JsonSerializerOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads the body.</summary>
    /// <exception cref="ApiError">It is not a JSON object of valid Unicode text.</exception>
    public static async Task<JsonFields> Read(HttpRequest request)
    {
        var bytes = await RequestBody.ReadAsync(request);
        try
        {
            // The document keeps the bytes; both go with the last field.
            var body = JsonDocument.Parse(bytes).RootElement;
            RequireWholeCharacters(bytes.Span);
            return body.ValueKind == JsonValueKind.Object ? new(body)
                : throw ApiError.BadRequest($"The request body must be a JSON object {{...}}, not {JsonFields.Describe(body)}.");
        }
        catch (JsonException problem)
        {
            throw ApiError.BadRequest($"The request body is not valid JSON{Place(problem)}.", code: "invalid_json");
        }
    }

    /// <summary>Writes <paramref name="body"/> as the whole answer.</summary>
    public static Task Write(HttpResponse response, JsonNode body)
    {
        response.ContentType = "application/json";
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body, Options);
        response.ContentLength = bytes.Length;
        return ResponseBody.WriteAsync(response.HttpContext, bytes);
    }

    /// <summary>An escape may name half a character (\ud800), which JSON allows and no text can hold. Only strings with escapes are looked at.</summary>
    private static void RequireWholeCharacters(ReadOnlySpan<byte> json)
    {
        if (json.IndexOf("\\u"u8) < 0)
            return;
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (!reader.ValueIsEscaped)
                continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException)
            {
                throw ApiError.BadRequest($"The request body has an escape of half a character (a lone surrogate) in the string that begins at byte {reader.TokenStartIndex + 1}.", code: "invalid_json");
            }
        }
    }

    private static string Place(JsonException problem) =>
        problem.Message.Contains("maximum configured depth", StringComparison.Ordinal) ? ": it is nested more than 64 deep"
        : problem.LineNumber is { } line ? $" at line {line + 1}, byte {problem.BytePositionInLine + 1}"
        : "";
}
