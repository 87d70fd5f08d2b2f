using System.Text;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Sessions;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class CompletionTests
{
    private static string Text(JsonNode answer, int choice = 0) => (string)answer["choices"]![choice]!["text"]!;

    [Fact]
    public async Task GreedyOutputIsWhatTheModelGivesWithoutACache()
    {
        await using var served = await Served.RandomAsync();
        var answer = await served.AnswerAsync("/v1/completions", """{"model":"tiny","prompt":"ab","max_tokens":20,"temperature":0,"return_token_ids":true,"ignore_eos":true}""");

        using var session = SessionFactory.Open(Path.Combine(served.Folder, "model.onnx"), new Device(null), 1, null);
        var model = new LanguageModelSession(session, ModelManifest.Load(served.Folder).LanguageModel!, new Device(null));
        List<long> tokens = [97, 98];
        for (var i = 0; i < 20; i++)
        {
            using var cache = model.NewCache(1);
            using var result = model.Forward(tokens.ToArray(), cache);
            var scores = result.Logits(0, tokens.Count - 1).ToArray();
            tokens.Add(Array.IndexOf(scores, scores.Max()));
        }

        Assert.Equal(tokens.Skip(2), answer["choices"]![0]!["token_ids"]!.AsArray().Select(id => (long)id!));
        Assert.Equal([97, 98], answer["choices"]![0]!["prompt_token_ids"]!.AsArray().Select(id => (int)id!));
        Assert.Equal("text_completion", (string)answer["object"]!);
        Assert.StartsWith("cmpl-", (string)answer["id"]!);
        Assert.Equal("length", (string)answer["choices"]![0]!["finish_reason"]!);
        Assert.Equal("""{"prompt_tokens":2,"completion_tokens":20,"total_tokens":22}""", answer["usage"]!.ToJsonString());
    }

    [Fact]
    public async Task EndOfTextEndsWithStop()
    {
        await using var served = await Served.RecitingAsync("Hello, world.");
        var answer = await served.AnswerAsync("/v1/completions", """{"prompt":"x","temperature":0}""");
        Assert.Equal("Hello, world.", Text(answer));
        Assert.Equal("stop", (string)answer["choices"]![0]!["finish_reason"]!);
        Assert.Equal(14, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Theory]
    [InlineData("\"lo, w\"", "Hel")]
    [InlineData("[\"zzz\", \"world\", \"d.\"]", "Hello, ")]
    [InlineData("\"Hello, world!\"", "Hello, world.")]
    [InlineData("\"H\"", "")]
    public async Task StopTextsEndTheOutputAndAreNotPartOfIt(string stop, string expected)
    {
        await using var served = await Served.RecitingAsync("Hello, world.");
        var answer = await served.AnswerAsync("/v1/completions", $$"""{"prompt":"x","temperature":0,"stop":{{stop}}}""");
        Assert.Equal(expected, Text(answer));
        Assert.Equal("stop", (string)answer["choices"]![0]!["finish_reason"]!);

        var events = await served.StreamAsync("/v1/completions", $$"""{"prompt":"x","temperature":0,"stream":true,"stop":{{stop}}}""");
        Assert.Equal(expected, string.Concat(events[..^1].Select(e => Text(JsonNode.Parse(e)!))));
    }

    [Fact]
    public async Task PromptsAndChoicesAreNumberedInOrder()
    {
        await using var served = await Served.RandomAsync();
        const string Common = "\"max_tokens\":8,\"seed\":5";
        var both = await served.AnswerAsync("/v1/completions", $$"""{"prompt":["ab","q"],"n":2,{{Common}}}""");
        var first = await served.AnswerAsync("/v1/completions", $$"""{"prompt":"ab","n":2,{{Common}}}""");
        var second = await served.AnswerAsync("/v1/completions", $$"""{"prompt":[113],"n":2,{{Common}}}""");
        Assert.Equal([0, 1, 2, 3], both["choices"]!.AsArray().Select(choice => (int)choice!["index"]!));
        Assert.Equal([Text(first), Text(first, 1), Text(second), Text(second, 1)], Enumerable.Range(0, 4).Select(i => Text(both, i)));
        Assert.NotEqual(Text(first), Text(first, 1));
        Assert.Equal(3, (int)both["usage"]!["prompt_tokens"]!);
    }

    [Fact]
    public async Task LogProbsAreThoseOfTheModel()
    {
        await using var served = await Served.RandomAsync();
        var answer = await served.AnswerAsync("/v1/completions", """{"prompt":"abc","max_tokens":4,"temperature":0,"logprobs":3,"echo":true}""");
        var logProbs = answer["choices"]![0]!["logprobs"]!;
        var values = logProbs["token_logprobs"]!.AsArray();
        Assert.StartsWith("abc", Text(answer));
        Assert.Equal(7, values.Count);
        Assert.Null(values[0]);
        Assert.Equal(["a", "b", "c"], logProbs["tokens"]!.AsArray().Take(3).Select(t => (string)t!));
        Assert.Equal([0, 1, 2, 3], logProbs["text_offset"]!.AsArray().Take(4).Select(t => (int)t!));
        for (var i = 3; i < 7; i++)
            Assert.Equal((double)values[i]!, logProbs["top_logprobs"]![i]!.AsObject().Max(top => (double)top.Value!), 1e-9);
        Assert.All(values.Skip(1), value => Assert.True((double)value! < 0));
    }

    [Fact]
    public async Task EchoWithoutTokensScoresThePrompt()
    {
        await using var served = await Served.RandomAsync();
        var answer = await served.AnswerAsync("/v1/completions", """{"prompt":"hello","max_tokens":0,"logprobs":0,"echo":true}""");
        Assert.Equal("hello", Text(answer));
        Assert.Equal(5, answer["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray().Count);
        Assert.Equal(0, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task AnEmptyPromptBeginsADocument()
    {
        await using var served = await Served.RecitingAsync("abc");
        var answer = await served.AnswerAsync("/v1/completions", """{"prompt":"","temperature":0,"return_token_ids":true}""");
        Assert.Equal("abc", Text(answer));
        Assert.Equal([256], answer["choices"]![0]!["prompt_token_ids"]!.AsArray().Select(id => (int)id!));
    }

    [Fact]
    public async Task WithoutMaxTokensTheServersDefaultHoldsAndTheContextIsTheLimit()
    {
        await using var served = await Served.RandomAsync(options => options.MaxTokens = 10);
        var answer = await served.AnswerAsync("/v1/completions", """{"prompt":"ab","ignore_eos":true}""");
        Assert.Equal(10, (int)answer["usage"]!["completion_tokens"]!);
        var prompt = new string('a', 92);
        answer = await served.AnswerAsync("/v1/completions", $$"""{"prompt":"{{prompt}}","ignore_eos":true}""");
        Assert.Equal(4, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task TokensAndTextConvertBothWays()
    {
        await using var served = await Served.RandomAsync();
        var tokens = await served.AnswerAsync("/tokenize", """{"prompt":"é!"}""");
        Assert.Equal("[195,169,33]", tokens["tokens"]!.ToJsonString());
        Assert.Equal(3, (int)tokens["count"]!);
        var text = await served.AnswerAsync("/detokenize", """{"tokens":[195,169,33]}""");
        Assert.Equal("é!", (string)text["prompt"]!);
    }

    [Fact]
    public async Task ModelsListsTheServedOne()
    {
        await using var served = await Served.RandomAsync();
        var list = JsonNode.Parse(await served.Client.GetStringAsync("/v1/models"))!;
        Assert.Equal("list", (string)list["object"]!);
        Assert.Equal("tiny", (string)list["data"]![0]!["id"]!);
        Assert.Equal(1767323045, (long)list["data"]![0]!["created"]!);
        Assert.Equal("tiny", (string)JsonNode.Parse(await served.Client.GetStringAsync("/v1/models/tiny"))!["id"]!);
    }

    [Fact]
    public async Task TheRequestIdComesBack()
    {
        await using var served = await Served.RandomAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent("{\"prompt\":\"a\",\"max_tokens\":1}", Encoding.UTF8) };
        request.Headers.Add("X-Request-Id", "my-id-7");
        using var response = await served.Client.SendAsync(request);
        Assert.Equal(["my-id-7"], response.Headers.GetValues("X-Request-Id"));
    }
}
