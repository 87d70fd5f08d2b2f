using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http;

/// <summary>What becomes known of a request on its way, for its line in the log. It holds texts only where the settings say so.</summary>
internal sealed class RequestRecord
{
    public required string Id { get; init; }

    public required string Method { get; init; }

    /// <summary>The endpoint's pattern, not what the client wrote: there are few of them.</summary>
    public string? Route { get; set; }

    public int Status { get; set; }

    /// <summary>The holder of the key, else what the client calls itself, else its address.</summary>
    public string Client { get; set; } = "unknown";

    /// <summary>The client showed a key, so that <see cref="Client"/> is certain.</summary>
    public bool HasKey { get; set; }

    public bool? Stream { get; set; }

    public int? Sequences { get; set; }

    public int? PromptTokens { get; set; }

    public int? CompletionTokens { get; set; }

    /// <summary>The longest wait of a sequence for its slot.</summary>
    public double? QueueSeconds { get; private set; }

    /// <summary>From the arrival to the first token of any sequence.</summary>
    public double? FirstTokenSeconds { get; private set; }

    public double TotalSeconds { get; set; }

    public string? FinishReason { get; set; }

    /// <summary>The error's word for programs, or else its type.</summary>
    public string? Error { get; set; }

    /// <summary>With <c>Serve:LogPrompts</c>.</summary>
    public string? Prompt { get; set; }

    /// <summary>With <c>Serve:LogPrompts</c>.</summary>
    public string? Output { get; set; }

    /// <summary>The record of the request that <paramref name="context"/> is.</summary>
    public static RequestRecord Of(HttpContext context) => context.Features.GetRequiredFeature<RequestRecord>();

    /// <summary>Takes over when a sequence got its slot and its first token.</summary>
    public void Add(SequenceTimes times)
    {
        QueueSeconds = Math.Max(QueueSeconds ?? 0, times.QueueSeconds);
        FirstTokenSeconds = Math.Min(FirstTokenSeconds ?? double.MaxValue, times.FirstTokenSeconds);
    }

    /// <summary>What is known, by name.</summary>
    public IReadOnlyList<KeyValuePair<string, object?>> Fields() =>
    [
        .. new KeyValuePair<string, object?>[]
        {
            new(nameof(Id), Id), new(nameof(Client), Client), new(nameof(Method), Method), new(nameof(Route), Route), new(nameof(Status), Status),
            new(nameof(Stream), Stream), new(nameof(Sequences), Sequences), new(nameof(PromptTokens), PromptTokens), new(nameof(CompletionTokens), CompletionTokens),
            new(nameof(QueueSeconds), QueueSeconds), new(nameof(FirstTokenSeconds), FirstTokenSeconds), new(nameof(TotalSeconds), TotalSeconds),
            new(nameof(FinishReason), FinishReason), new(nameof(Error), Error), new(nameof(Prompt), Prompt), new(nameof(Output), Output),
        }.Where(field => field.Value is not null),
    ];

    /// <summary>The line for people.</summary>
    public override string ToString()
    {
        var tokens = PromptTokens is null ? "" : $", {PromptTokens} + {CompletionTokens} tokens{(FinishReason is null ? "" : $" ({FinishReason})")}";
        var times = QueueSeconds is null ? "" : string.Create(CultureInfo.InvariantCulture, $", queue {QueueSeconds:F3} s, first token {FirstTokenSeconds:F3} s");
        var texts = Prompt is null ? "" : $", prompt {Quoted(Prompt)}, output {Quoted(Output ?? "")}";
        return string.Create(CultureInfo.InvariantCulture, $"{Id} {Client} {Method} {Route} {Status} in {TotalSeconds:F3} s{tokens}{times}{(Error is null ? "" : $", {Error}")}{texts}");
    }

    /// <summary>On one line, whatever the text holds.</summary>
    private static string Quoted(string text) => System.Text.Json.JsonSerializer.Serialize(text, Json.Options);
}
