using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace OnnxMoe.Serving.Observability;

/// <summary>
/// Log lines as one flat JSON object each: <c>time</c>, <c>level</c>, <c>event</c>, then the line's own fields by name
/// (<c>prompt_tokens</c>, <c>total_seconds</c>, ...), or its <c>message</c> where it has none.
/// </summary>
internal sealed class JsonLineFormatter() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "onnxmoe-json";

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public override void Write<TState>(in LogEntry<TState> entry, IExternalScopeProvider? scopes, TextWriter output)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("time", DateTime.UtcNow);
            json.WriteString("level", entry.LogLevel.ToString().ToLowerInvariant());
            json.WriteString("event", Snake(entry.EventId.Name ?? entry.Category));
            var fields = (entry.State as IEnumerable<KeyValuePair<string, object?>> ?? []).Where(field => field.Key != "{OriginalFormat}").ToArray();
            if (entry.EventId.Name != Http.RequestLog.Answered.Name)
                json.WriteString("message", entry.Formatter(entry.State, entry.Exception));
            foreach (var (name, value) in fields)
                Write(json, Snake(name), value);
            if (entry.Exception is { } problem)
                json.WriteString("exception", problem.ToString());
            json.WriteEndObject();
        }
        output.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    private static string Snake(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    private static void Write(Utf8JsonWriter json, string name, object? value)
    {
        switch (value)
        {
            case bool flag:
                json.WriteBoolean(name, flag);
                break;
            case int or long:
                json.WriteNumber(name, Convert.ToInt64(value));
                break;
            case double number when double.IsFinite(number):
                json.WriteNumber(name, Math.Round(number, 6));
                break;
            default:
                json.WriteString(name, value?.ToString());
                break;
        }
    }
}
