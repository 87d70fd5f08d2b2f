using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class ErrorTests
{
    private const string Completions = "/v1/completions";
    private const string Chat = "/v1/chat/completions";

    [Theory]
    [InlineData(Completions, "{\"prompt\": \"a\",", 400, null, "not valid JSON at line 1")]
    [InlineData(Completions, "", 400, null, "not valid JSON")]
    [InlineData(Completions, "[1]", 400, null, "must be a JSON object")]
    [InlineData(Completions, "{}", 400, "prompt", "is missing")]
    [InlineData(Completions, "{\"prompt\":7}", 400, "prompt", "must be a string")]
    [InlineData(Completions, "{\"prompt\":[]}", 400, "prompt", "non-empty array")]
    [InlineData(Completions, "{\"prompt\":[1,257]}", 400, "prompt", "the number 257 among its token ids, which must be from 0 to 256")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"model\":\"gpt-9\"}", 404, "model", "'gpt-9' is not served here; 'tiny' is")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"model\":3}", 400, "model", "must be a string, not the number 3")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"max_tokens\":-1}", 400, "max_tokens", "must be between 0 and")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"max_tokens\":1.5}", 400, "max_tokens", "must be a whole number, not the number 1.5")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"max_tokens\":\"9\"}", 400, "max_tokens", "must be a whole number, not a string")]
    [InlineData(Completions, "{\"prompt\":\"ab\",\"max_tokens\":95}", 400, "max_tokens", "has 2 tokens and the request asks for 95 more, but the model's context holds 96; ask for at most 94")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"temperature\":-0.1}", 400, "temperature", "must be between 0 and 100")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"top_p\":1.1}", 400, "top_p", "between 0 and 1")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"top_k\":-2}", 400, "top_k", "between -1 and")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"n\":0}", 400, "n", "between 1 and 128")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"stop\":[\"\"]}", 400, "stop", "none of them empty")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"stop\":{}}", 400, "stop", "must be an array, not an object")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"seed\":\"x\"}", 400, "seed", "whole number")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"stream\":1}", 400, "stream", "true or false")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"logprobs\":99}", 400, "logprobs", "between 0 and 20")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"logit_bias\":{\"x\":1}}", 400, "logit_bias", "keys must be token ids from 0 to 256")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"logit_bias\":{\"5\":101}}", 400, "logit_bias.5", "between -100 and 100")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"suffix\":\"z\"}", 400, "suffix", "not supported")]
    [InlineData(Chat, "{}", 400, "messages", "at least one message")]
    [InlineData(Chat, "{\"messages\":[]}", 400, "messages", "at least one message")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"wizard\",\"content\":\"a\"}]}", 400, "messages[0].role", "not 'wizard'")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":5}]}", 400, "messages[0].content", "must be a string")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}", 400, "messages[0].content", "a part of the type 'image_url', but the model reads text alone")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"poem\"}]}]}", 400, "messages[0].content", "may only have parts")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}", 400, "messages[0].role", "not 'tool'")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"functions\":[{}]}", 400, "functions", "calls no functions")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tool_choice\":\"required\"}", 400, "tool_choice", "calls no tools")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}}}", 400, "response_format", "not 'json_schema'")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"modalities\":[\"text\",\"audio\"]}", 400, "modalities", "may only be [\"text\"]")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"guided_regex\":\"a+\"}", 400, "guided_regex", "answers follow no grammar")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"stream_options\":{\"include_usage\":true}}", 400, "stream_options", "needs 'stream': true")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"timeout\":0}", 400, "timeout", "must be between 0.001 and 1000000, not 0")]
    [InlineData(Completions, "{\"prompt\":\"a\",\"user\":7}", 400, "user", "must be a string")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"top_logprobs\":2}", 400, "top_logprobs", "needs 'logprobs'")]
    [InlineData(Chat, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[{}]}", 400, "tools", "not supported")]
    [InlineData("/tokenize", "{}", 400, "prompt", "is missing")]
    [InlineData("/detokenize", "{\"tokens\":[300]}", 400, "tokens", "the number 300")]
    [InlineData("/v1/nothing", "{}", 404, null, "nothing at /v1/nothing")]
    [InlineData("/v1/models", "{}", 405, null, "does not take POST")]
    public async Task MistakesGetOneClearSentence(string path, string body, int status, string? field, string says)
    {
        await using var served = await Served.RandomAsync();
        var (found, answer, _) = await served.PostAsync(path, body);
        var error = answer["error"]!;
        Assert.Equal(status, found);
        Assert.Contains(says, (string)error["message"]!);
        Assert.Equal("invalid_request_error", (string)error["type"]!);
        Assert.Equal(field, (string?)error["param"]);
        Assert.True(error.AsObject().ContainsKey("code"));
    }

    [Fact]
    public async Task APromptLongerThanTheContextIsRefusedWithTheNumbers()
    {
        await using var served = await Served.RandomAsync();
        var (status, answer, _) = await served.PostAsync(Completions, $$"""{"prompt":"{{new string('a', 200)}}"}""");
        Assert.Equal(400, status);
        Assert.Equal("context_length_exceeded", (string)answer["error"]!["code"]!);
        Assert.Contains("The prompt has 200 tokens, but the model's context holds 96", (string)answer["error"]!["message"]!);
    }

    [Theory]
    [InlineData(Completions, """{"prompt":"TEXT"}""", "prompt", "The prompt has 1000000 characters, but the model's context holds 96 tokens")]
    [InlineData(Completions, """{"prompt":["a","TEXT"]}""", "prompt", "The prompt has 1000000 characters, but the model's context holds 96 tokens")]
    [InlineData(Chat, """{"messages":[{"role":"user","content":"TEXT"}]}""", "messages", " characters, but the model's context holds 96 tokens")]
    [InlineData(Completions, """{"prompt":[IDS97]}""", "prompt", "The prompt has 300001 tokens, but the model's context holds 96")]
    [InlineData(Completions, """{"prompt":[[97],[IDS97]]}""", "prompt", "The prompt has 300001 tokens, but the model's context holds 96")]
    public async Task APromptFarTooLongIsRefusedBeforeItsTokensAreMade(string path, string body, string field, string says)
    {
        await using var served = await Served.RandomAsync();
        body = body.Replace("TEXT", new('a', 1_000_000)).Replace("IDS", string.Concat(Enumerable.Repeat("97,", 300_000)));
        var (status, answer, _) = await served.PostAsync(path, body);
        Assert.Equal(400, status);
        Assert.Equal(("context_length_exceeded", field), ((string)answer["error"]!["code"]!, (string)answer["error"]!["param"]!));
        Assert.Contains(says, (string)answer["error"]!["message"]!);
    }

    [Fact]
    public async Task ABodyBeyondTheLimitGets413()
    {
        await using var served = await Served.RandomAsync(options => options.MaxBody = 1);
        served.Client.DefaultRequestHeaders.ExpectContinue = true; // the server need not read what it refuses
        var (status, answer, _) = await served.PostAsync(Completions, $$"""{"prompt":"{{new string('a', 1 << 21)}}"}""");
        Assert.Equal(413, status);
        Assert.Equal("body_too_large", (string)answer["error"]!["code"]!);
    }

    [Fact]
    public async Task WithAKeyOnlyItsHoldersGetAnswers()
    {
        await using var served = await Served.RandomAsync(options => options.ApiKey = "secret");
        var (status, answer, _) = await served.PostAsync(Completions, """{"prompt":"a"}""");
        Assert.Equal(401, status);
        Assert.Equal("invalid_api_key", (string)answer["error"]!["code"]!);
        Assert.Contains("ok", await served.Client.GetStringAsync("/health"));
        served.Client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        await served.AnswerAsync(Completions, """{"prompt":"a"}""");
    }

    [Fact]
    public async Task AfterAMistakeTheServerGoesOn()
    {
        await using var served = await Served.RandomAsync();
        await served.PostAsync(Completions, "\0\0\0");
        await served.AnswerAsync(Completions, """{"prompt":"a","max_tokens":2}""");
    }
}
