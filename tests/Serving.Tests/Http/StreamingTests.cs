using System.Text.Json.Nodes;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class StreamingTests
{
    [Fact]
    public async Task PiecesAreWholeCharactersAndJoinToTheText()
    {
        const string Recited = "naïve – 世界 🌍𝄞!";
        await using var served = await Served.RecitingAsync(Recited);
        var events = await served.StreamAsync("/v1/completions", """{"prompt":"x","temperature":0,"stream":true}""");
        Assert.Equal("[DONE]", events[^1]);
        var chunks = events[..^1].ConvertAll(e => JsonNode.Parse(e)!);
        var texts = chunks.ConvertAll(chunk => (string)chunk["choices"]![0]!["text"]!);
        Assert.Equal(Recited, string.Concat(texts));
        Assert.DoesNotContain(texts, text => text.Contains('\uFFFD') || text.Length > 0 && char.IsHighSurrogate(text[^1]));
        Assert.Single(chunks.Select(chunk => ((string)chunk["id"]!, (long)chunk["created"]!)).Distinct());
        Assert.Equal("stop", (string)chunks[^1]["choices"]![0]!["finish_reason"]!);
        Assert.All(chunks[..^1], chunk => Assert.Null(chunk["choices"]![0]!["finish_reason"]));
        Assert.All(chunks, chunk => Assert.False(chunk.AsObject().ContainsKey("usage")));
    }

    [Fact]
    public async Task AnUnfinishedCharacterAtTheLimitIsShownAsReplacement()
    {
        await using var served = await Served.RecitingAsync("a€");
        var answer = await served.AnswerAsync("/v1/completions", """{"prompt":"x","temperature":0,"max_tokens":3}""");
        Assert.Equal("a\uFFFD", (string)answer["choices"]![0]!["text"]!);
    }

    [Fact]
    public async Task ChatStreamsRoleThenTextThenReasonThenUsage()
    {
        await using var served = await Served.RandomAsync();
        const string Fields = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"seed\":3,\"max_tokens\":12";
        var events = await served.StreamAsync("/v1/chat/completions", $$$"""{{{{Fields}}},"stream":true,"stream_options":{"include_usage":true}}""");
        var chunks = events[..^1].ConvertAll(e => JsonNode.Parse(e)!);
        Assert.Equal("[DONE]", events[^1]);
        Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", (string)chunk["object"]!));
        Assert.Equal("""{"role":"assistant","content":""}""", chunks[0]["choices"]![0]!["delta"]!.ToJsonString());
        Assert.Equal("{}", chunks[^2]["choices"]![0]!["delta"]!.ToJsonString());
        Assert.NotNull((string?)chunks[^2]["choices"]![0]!["finish_reason"]);
        Assert.Empty(chunks[^1]["choices"]!.AsArray());
        Assert.All(chunks[..^1], chunk => Assert.True(chunk.AsObject().TryGetPropertyValue("usage", out var usage) && usage is null));

        var whole = await served.AnswerAsync("/v1/chat/completions", $$"""{{{Fields}}}""");
        Assert.Equal("chat.completion", (string)whole["object"]!);
        Assert.Equal("assistant", (string)whole["choices"]![0]!["message"]!["role"]!);
        Assert.Equal((string)whole["choices"]![0]!["message"]!["content"]!, string.Concat(chunks[1..^2].Select(chunk => (string)chunk["choices"]![0]!["delta"]!["content"]!)));
        Assert.Equal(whole["usage"]!.ToJsonString(), chunks[^1]["usage"]!.ToJsonString());
        Assert.Equal("user: Hi\nassistant:".Length, (int)whole["usage"]!["prompt_tokens"]!);
    }

    [Fact]
    public async Task SeveralChoicesShareAStream()
    {
        await using var served = await Served.RandomAsync();
        const string Fields = "\"prompt\":\"ab\",\"n\":3,\"seed\":11,\"max_tokens\":9";
        var whole = await served.AnswerAsync("/v1/completions", $$"""{{{Fields}}}""");
        var events = await served.StreamAsync("/v1/completions", $$"""{{{Fields}},"stream":true}""");
        var texts = new string[] { "", "", "" };
        foreach (var choice in events[..^1].Select(e => JsonNode.Parse(e)!["choices"]![0]!))
            texts[(int)choice["index"]!] += (string)choice["text"]!;
        Assert.Equal(whole["choices"]!.AsArray().Select(choice => (string)choice!["text"]!), texts);
    }

    [Fact]
    public async Task ChatLogProbsListTokensWithTheirBytes()
    {
        await using var served = await Served.RecitingAsync(new string('-', 19) + "é");
        var answer = await served.AnswerAsync("/v1/chat/completions",
            """{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"temperature":0,"logprobs":true,"top_logprobs":2}""");
        var content = answer["choices"]![0]!["logprobs"]!["content"]!;
        Assert.Equal("[195]", content[1]!["bytes"]!.ToJsonString());
        Assert.Equal(2, content[1]!["top_logprobs"]!.AsArray().Count);
    }
}
