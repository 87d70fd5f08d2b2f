using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OnnxMoe.Serving.Observability;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>Keeps a server's log as the lines that <c>Serve:Log=json</c> and <c>text</c> write.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    private readonly JsonLineFormatter _formatter = new();
    private readonly List<string> _json = [];
    private readonly List<string> _text = [];

    /// <summary>The JSON lines so far.</summary>
    public IReadOnlyList<string> Json => Copy(_json);

    /// <summary>The messages so far, as the text form has them.</summary>
    public IReadOnlyList<string> Text => Copy(_text);

    /// <summary>Waits for the line of the request with this id: it is written after the answer.</summary>
    public async Task<JsonObject> RequestAsync(string id)
    {
        JsonObject? found = null;
        await Served.Until(() => (found = Json.Select(line => JsonNode.Parse(line)!.AsObject()).FirstOrDefault(line => (string?)line["id"] == id && (string?)line["event"] == "request")) is not null);
        return found!;
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        using var line = new StringWriter();
        _formatter.Write(new LogEntry<TState>(logLevel, "OnnxMoe.Serving", eventId, state, exception, formatter), null, line);
        lock (_json)
            _json.Add(line.ToString());
        lock (_text)
            _text.Add(formatter(state, exception));
    }

    public void Dispose()
    {
    }

    private static IReadOnlyList<string> Copy(List<string> lines)
    {
        lock (lines)
            return [.. lines];
    }
}
