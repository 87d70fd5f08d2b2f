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

    /// <summary>Reads the body, whatever content type it claims.</summary>
    /// <exception cref="ApiError">It is not a JSON object.</exception>
    public static async Task<JsonFields> Read(HttpRequest request)
    {
        try
        {
            using var body = await JsonDocument.ParseAsync(request.Body, default, request.HttpContext.RequestAborted);
            if (body.RootElement.ValueKind != JsonValueKind.Object)
                throw ApiError.BadRequest($"The request body must be a JSON object {{...}}, not {JsonFields.Describe(body.RootElement)}.");
            return new(body.RootElement.Clone());
        }
        catch (JsonException problem)
        {
            var place = problem.LineNumber is { } line ? $" at line {line + 1}, byte {problem.BytePositionInLine + 1}" : "";
            throw ApiError.BadRequest($"The request body is not valid JSON{place}.", code: "invalid_json");
        }
    }

    /// <summary>Writes <paramref name="body"/> as the whole answer.</summary>
    public static Task Write(HttpResponse response, JsonNode body)
    {
        response.ContentType = "application/json";
        return response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body, Options)).AsTask();
    }
}
