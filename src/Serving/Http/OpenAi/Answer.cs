using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>
/// Runs a request's sequences and writes the answer, whole or as a stream of server-sent events. At the deadline the answer ends with
/// what there is, the choices cut off having the reasons "length" and "timeout"; where there is nothing yet, with status 504.
/// </summary>
internal sealed class Answer(HttpContext context, LanguageModel model, IAnswerFormat format, GenerationOptions options, Usage usage, ILogger log)
{
    private readonly string _id = format.IdPrefix + Guid.NewGuid().ToString("N");
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    private readonly RequestRecord _record = RequestRecord.Of(context);
    private readonly StringBuilder _text = new();
    private readonly HashSet<FinishReason> _reasons = [];
    private bool[] _ended = [];
    private int[] _generated = [];
    private bool _timedOut;

    /// <summary>Put the text into the request's record.</summary>
    public bool KeepsText { get; init; }

    /// <summary>Generates and answers. A client that leaves cancels the generation.</summary>
    public async Task Write(IReadOnlyList<GenerationRequest> requests)
    {
        (_ended, _generated) = (new bool[requests.Count], new int[requests.Count]);
        (_record.Stream, _record.Sequences, _record.PromptTokens) = (options.Stream, requests.Count, usage.PromptTokens);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        if (options.Timeout is { } time)
            limit.CancelAfter(time);
        try
        {
            var events = Observed(Start(requests, limit.Token), requests, limit.Token);
            await (options.Stream ? Stream(events) : Whole(events));
        }
        finally
        {
            _record.CompletionTokens = usage.CompletionTokens;
            _record.FinishReason = _timedOut ? "timeout" : _reasons.Count == 0 ? null : string.Join(',', _reasons.Order().Select(reason => ((FinishReason?)reason).Word()));
            if (KeepsText)
                _record.Output = _text.ToString();
        }
    }

    /// <summary>Refusals come before the first byte.</summary>
    private IAsyncEnumerable<GenerationEvent> Start(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation)
    {
        try
        {
            var events = model.Engine.Generate(requests, cancellation);
            model.Metrics.Accepted(options.Choices, requests[0].MaxTokens);
            return events;
        }
        catch (EngineBusyException busy) when (!busy.Stopping)
        {
            model.Metrics.Refused();
            throw new ApiError(429, busy.Message, code: "queue_full") { RetryAfter = model.Metrics.Load.SecondsFor(model.Engine.Waiting) };
        }
    }

    /// <summary>The events, counted. At the deadline they end.</summary>
    private async IAsyncEnumerable<GenerationEvent> Observed(IAsyncEnumerable<GenerationEvent> events, IReadOnlyList<GenerationRequest> requests, [EnumeratorCancellation] CancellationToken limit)
    {
        await using var source = events.GetAsyncEnumerator(limit);
        while (await MoveNext(source, limit))
        {
            var next = source.Current;
            usage.CompletionTokens += next.Tokens.Count;
            _generated[next.Sequence] += next.Tokens.Count;
            if (KeepsText)
                _text.Append(next.Text);
            if (next.Finish is { } reason)
            {
                _ended[next.Sequence] = true;
                _reasons.Add(reason);
                model.Metrics.Ended(requests[next.Sequence].Prompt.Count, _generated[next.Sequence], next.Times);
                if (next.Times is { } times)
                {
                    _record.Add(times);
                    usage.CachedTokens += next.Sequence % options.Choices == 0 ? times.CachedPromptTokens : 0; // a prompt counts once
                }
            }
            yield return next;
        }
    }

    private async Task<bool> MoveNext(IAsyncEnumerator<GenerationEvent> source, CancellationToken limit)
    {
        try
        {
            return await source.MoveNextAsync();
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            _timedOut = true;
            model.Metrics.TimedOut();
            return usage.CompletionTokens > 0 ? false
                : throw new ApiError(504, FormattableString.Invariant($"The answer had not begun when its time of {options.Timeout!.Value.TotalSeconds} seconds was over; allow more ('timeout'), or try when fewer wait."), "timeout", "timeout");
        }
    }

    private async Task Whole(IAsyncEnumerable<GenerationEvent> events)
    {
        var pieces = _ended.Select((_, choice) => new List<GenerationEvent>()).ToArray();
        await foreach (var next in events)
            pieces[next.Sequence].Add(next);
        foreach (var cut in Cut())
            pieces[cut.Sequence].Add(cut);
        var body = Envelope(new JsonArray([.. pieces.Select((list, choice) => (JsonNode)Marked(choice, format.Whole(choice, Join(list))))]), stream: false);
        body["usage"] = usage.ToJson();
        await Json.Write(context.Response, body);
    }

    private async Task Stream(IAsyncEnumerable<GenerationEvent> events)
    {
        var begun = new bool[_ended.Length];
        try
        {
            await foreach (var next in events)
                await SendPieces(next);
            foreach (var cut in Cut())
                await SendPieces(cut);
            if (options.IncludeUsage)
            {
                var last = Envelope([], stream: true);
                last["usage"] = usage.ToJson();
                await Send(last);
            }
            await Send("[DONE]");
        }
        catch (Exception problem) when (problem is not OperationCanceledException && context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            // The status is sent already, so the error becomes the last event; clients of the protocol look for it.
            await Send(ErrorHandling.Body(ErrorHandling.Translate(problem, log, context)));
        }

        async Task SendPieces(GenerationEvent next)
        {
            foreach (var choice in format.Pieces(next.Sequence, !begun[next.Sequence], next))
                await Send(Chunk([next.Finish is null ? choice : Marked(next.Sequence, choice)]));
            begun[next.Sequence] = true;
        }
    }

    /// <summary>The ends of those choices that the deadline has cut off.</summary>
    private IEnumerable<GenerationEvent> Cut() =>
        from choice in Enumerable.Range(0, _ended.Length) where !_ended[choice] select new GenerationEvent(choice, "", [], FinishReason.Length);

    /// <summary>Tells the deadline's end from the limit of tokens, for which OpenAI has one word.</summary>
    private JsonObject Marked(int choice, JsonObject json)
    {
        if (_timedOut && !_ended[choice])
            json["stop_reason"] = "timeout";
        return json;
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
        ["system_fingerprint"] = model.Fingerprint,
        ["choices"] = choices,
    };

    private Task Send(JsonObject chunk) => Send(chunk.ToJsonString(Json.Options));

    private Task Send(string data)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers.CacheControl = "no-cache";
            context.Response.Headers["X-Accel-Buffering"] = "no"; // a proxy is not to collect the pieces
        }
        return ResponseBody.WriteAsync(context, Encoding.UTF8.GetBytes($"data: {data}\n\n"));
    }

    private static GenerationEvent Join(List<GenerationEvent> events) =>
        new(events[0].Sequence, string.Concat(events.Select(e => e.Text)), [.. events.SelectMany(e => e.Tokens)], events[^1].Finish)
        {
            PromptScores = events[0].PromptScores,
            Routing = [.. events.SelectMany(e => e.Routing)],
        };
}
