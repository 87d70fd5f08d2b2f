using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace OnnxMoe.Drills.Tools;

/// <summary>Requests whose answers are known, as each was asked alone before: greedy ones and sampled ones with seeds.</summary>
internal sealed class Questions
{
    private const int Count = 16;
    private readonly string[] _answers = new string[Count];

    private Questions()
    {
    }

    /// <summary>Asks each alone.</summary>
    public static async Task<Questions> LearnAsync(RunningServer server)
    {
        var questions = new Questions();
        for (var i = 0; i < Count; i++)
        {
            using var response = await server.Client.PostAsync("/v1/completions", new StringContent(Body(i, stream: false)));
            var body = await response.Content.ReadAsStringAsync();
            DrillFailedException.Unless(response.IsSuccessStatusCode, $"A plain question got status {(int)response.StatusCode}: {body}");
            questions._answers[i] = (string)JsonNode.Parse(body)!["choices"]![0]!["text"]!;
        }
        return questions;
    }

    /// <summary>The body of question <paramref name="i"/> (any number).</summary>
    public static string Body(int i, bool stream) => new JsonObject
    {
        ["prompt"] = $"The people of state {i % Count}",
        ["max_tokens"] = 24,
        ["temperature"] = i % 2,
        ["seed"] = i % Count,
        ["stream"] = stream,
    }.ToJsonString();

    /// <summary>Asks one, and compares.</summary>
    public async Task<Outcome> AskAsync(RunningServer server, int i, bool stream)
    {
        try
        {
            using var response = await server.Client.PostAsync("/v1/completions", new StringContent(Body(i, stream)));
            var body = await response.Content.ReadAsStringAsync();
            return response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable ? Outcome.Refused
                : response.StatusCode != HttpStatusCode.OK ? Outcome.Failed
                : Judge(i, body, stream);
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException or OperationCanceledException)
        {
            return Outcome.Failed;
        }
    }

    /// <summary>Asks all at the same time, <paramref name="total"/> in all.</summary>
    public async Task<Tally> AskManyAsync(RunningServer server, int total, bool stream)
    {
        var tally = new Tally();
        await Task.WhenAll(Enumerable.Range(0, total).Select(async i => tally.Add(await AskAsync(server, i, stream))));
        return tally;
    }

    /// <summary>Each once, which must be answered rightly.</summary>
    public async Task RequireAllAsync(RunningServer server, string when)
    {
        var tally = await AskManyAsync(server, Count, stream: true);
        DrillFailedException.Unless(tally[Outcome.Right] == Count, $"{when} {Count} questions ended with {tally}.");
    }

    /// <summary>Whether a whole answer is the right one; one that was cut off has failed.</summary>
    public Outcome Judge(int i, string body, bool stream)
    {
        if (!stream)
            return (string?)JsonNode.Parse(body)?["choices"]?[0]?["text"] == _answers[i % Count] ? Outcome.Right : Outcome.Wrong;
        var events = body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line["data: ".Length..]).ToArray();
        if (events.Length == 0 || events[^1] != "[DONE]")
            return Outcome.Failed;
        var text = new StringBuilder();
        foreach (var choice in events[..^1].Select(data => JsonNode.Parse(data)?["choices"]?[0]))
        {
            if (choice is null)
                return Outcome.Failed; // an error in place of the rest
            text.Append((string?)choice["text"]);
        }
        return text.ToString() == _answers[i % Count] ? Outcome.Right : Outcome.Wrong;
    }
}
