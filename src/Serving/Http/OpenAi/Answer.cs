using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Runs a request's sequences and writes the answer, whole or as a stream of server-sent events.</summary>
internal sealed class Answer(HttpContext context, LanguageModel model, IAnswerFormat format, GenerationOptions options, Usage usage, ILogger log)
{
    private readonly string _id = format.IdPrefix + Guid.NewGuid().ToString("N");
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>Generates and answers. A client that leaves cancels the generation.</summary>
    public async Task Write(IReadOnlyList<GenerationRequest> requests)
    {
        var events = model.Engine.Generate(requests, context.RequestAborted); // refusals come before the first byte
        await (options.Stream ? Stream(events, requests.Count) : Whole(events, requests.Count));
        RequestLog.Generated(log, context.TraceIdentifier, requests.Count, usage.PromptTokens, usage.CompletionTokens);
    }

    private async Task Whole(IAsyncEnumerable<GenerationEvent> events, int choices)
    {
        var pieces = Enumerable.Range(0, choices).Select(_ => new List<GenerationEvent>()).ToArray();
        await foreach (var next in events)
        {
            pieces[next.Sequence].Add(next);
            usage.CompletionTokens += next.Tokens.Count;
        }
        var body = Envelope(new JsonArray([.. pieces.Select((list, choice) => (JsonNode)format.Whole(choice, Join(list)))]), stream: false);
        body["usage"] = usage.ToJson();
        await Json.Write(context.Response, body);
    }

    private async Task Stream(IAsyncEnumerable<GenerationEvent> events, int choices)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache";
        context.Response.Headers["X-Accel-Buffering"] = "no"; // a proxy is not to collect the pieces
        await context.Response.StartAsync();
        var begun = new bool[choices];
        try
        {
            await foreach (var next in events)
            {
                usage.CompletionTokens += next.Tokens.Count;
                foreach (var choice in format.Pieces(next.Sequence, !begun[next.Sequence], next))
                    await Send(Chunk([choice]));
                begun[next.Sequence] = true;
            }
            if (options.IncludeUsage)
            {
                var last = Envelope([], stream: true);
                last["usage"] = usage.ToJson();
                await Send(last);
            }
            await Send("[DONE]");
        }
        catch (Exception problem) when (!context.RequestAborted.IsCancellationRequested)
        {
            // The status is sent already, so the error becomes the last event; clients of the protocol look for it.
            await Send(ErrorHandling.Body(ErrorHandling.Translate(problem, log, context.TraceIdentifier)));
        }
    }

    private JsonObject Chunk(JsonArray choices)
    {
        var chunk = Envelope(choices, stream: true);
        if (options.IncludeUsage)
            chunk["usage"] = null;
        return chunk;
    }

    private JsonObject Envelope(JsonArray choices, bool stream) => new()
    {
        ["id"] = _id,
        ["object"] = format.ObjectName(stream),
        ["created"] = _created,
        ["model"] = model.Name,
        ["choices"] = choices,
    };

    private Task Send(JsonObject chunk) => Send(chunk.ToJsonString(Json.Options));

    private async Task Send(string data)
    {
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"data: {data}\n\n"), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private static GenerationEvent Join(List<GenerationEvent> events) =>
        new(events[0].Sequence, string.Concat(events.Select(e => e.Text)), [.. events.SelectMany(e => e.Tokens)], events[^1].Finish)
        {
            PromptScores = events[0].PromptScores,
        };
}
