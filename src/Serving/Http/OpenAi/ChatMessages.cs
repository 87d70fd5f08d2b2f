using System.Text.Json;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Reads the field <c>messages</c>.</summary>
internal static class ChatMessages
{
    private static readonly string[] Roles = ["system", "developer", "user", "assistant"];

    /// <summary>Role and text of each message.</summary>
    /// <exception cref="ApiError">No messages, an unknown role, or content that is not text.</exception>
    public static IReadOnlyList<(string Role, string Content)> Read(JsonFields fields)
    {
        var list = fields.List("messages");
        if (list is not { Count: > 0 })
            throw fields.Error("messages", "must be an array with at least one message {\"role\": ..., \"content\": ...}.");
        return [.. list.Select((element, i) => ReadOne(element, i, fields))];
    }

    private static (string Role, string Content) ReadOne(JsonElement element, int i, JsonFields fields)
    {
        if (element.ValueKind != JsonValueKind.Object)
            throw fields.Error($"messages[{i}]", $"must be an object, not {JsonFields.Describe(element)}.");
        var message = new JsonFields(element, $"messages[{i}].");
        var role = message.Text("role");
        if (role is null || !Roles.Contains(role))
            throw message.Error("role", $"must be one of {string.Join(", ", Roles)}{(role is null ? "" : $", not '{role}'")}.");
        return (role, Content(message));
    }

    private static string Content(JsonFields message)
    {
        if (message.Find("content") is not { ValueKind: JsonValueKind.Array } parts)
            return message.Text("content") ?? "";
        if (parts.EnumerateArray().FirstOrDefault(part => part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out var type)
            && type.ValueKind == JsonValueKind.String && type.GetString() is "image_url" or "input_audio" or "file") is { ValueKind: JsonValueKind.Object } other)
            throw message.Error("content", $"has a part of the type '{other.GetProperty("type").GetString()}', but the model reads text alone; send {{\"type\": \"text\", \"text\": ...}}.");
        return string.Concat(parts.EnumerateArray().Select(part =>
            part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out var type) && type.ValueEquals("text")
            && part.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String
                ? text.GetString()
                : throw message.Error("content", "may only have parts of the form {\"type\": \"text\", \"text\": ...}.")));
    }
}
