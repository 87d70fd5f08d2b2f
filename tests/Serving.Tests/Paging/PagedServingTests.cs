using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Sessions;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Paging;

/// <summary>A model on pages, through HTTP.</summary>
public sealed class PagedServingTests
{
    private static string Request(int length, string more = "") =>
        $$"""{"prompt":"{{string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (i * i % 17))))}}","max_tokens":12,"temperature":0,"ignore_eos":true,"logprobs":1{{more}}}""";

    private static Task<Served> ServeAsync(Action<ServeOptions>? set = null, int context = 256) =>
        Served.StartAsync(folder => AttentionModel.Write(folder, context), set);

    private static string Scores(JsonNode answer) => answer["choices"]!.ToJsonString();

    [Fact]
    public async Task PagesGiveWhatCachesInOnePieceGive()
    {
        await using var paged = await ServeAsync();
        await using var contiguous = await ServeAsync(options => options.Kernels = "off");
        foreach (var length in new[] { 1, 31, 32, 33, 100 })
        {
            var (found, expected) = (await paged.AnswerAsync("/v1/completions", Request(length)), await contiguous.AnswerAsync("/v1/completions", Request(length)));
            Assert.Equal((string)expected["choices"]![0]!["text"]!, (string)found["choices"]![0]!["text"]!);
            foreach (var (a, b) in LogProbs(expected).Zip(LogProbs(found)))
                Assert.Equal(a, b, 1e-4);
        }
        Assert.True(await paged.MetricAsync("onnxmoe_prefix_cache_queries_total") > 0); // it did run on pages

        static IEnumerable<double> LogProbs(JsonNode answer) => answer["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray().Select(value => (double)value!);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    public async Task APromptInPiecesGivesTheSameBits(int tokens)
    {
        await using var whole = await ServeAsync();
        await using var pieces = await ServeAsync(options => options.BatchTokens = tokens);
        foreach (var more in new[] { "", ",\"echo\":true" })
            Assert.Equal(Scores(await whole.AnswerAsync("/v1/completions", Request(90, more))), Scores(await pieces.AnswerAsync("/v1/completions", Request(90, more))));
    }

    [Fact]
    public async Task ManyAtOnceGiveTheBitsThatEachGivesAlone()
    {
        await using var served = await ServeAsync(options => (options.Slots, options.BatchTokens, options.PrefixReuse) = (6, 48, "off"));
        string Mixed(int i) => Request(3 + i * 7 % 80, $",\"seed\":{i},\"active_experts\":{1 + i % 3}").Replace("\"temperature\":0", i % 2 == 0 ? "\"temperature\":0" : "\"temperature\":1.3");
        var together = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => served.AnswerAsync("/v1/completions", Mixed(i))));
        for (var i = 0; i < 24; i++)
            Assert.Equal(Scores(await served.AnswerAsync("/v1/completions", Mixed(i))), Scores(together[i]));
    }

    [Fact]
    public async Task ABeginningThatWasSeenIsNotComputedAgain()
    {
        await using var served = await ServeAsync();
        var first = await served.AnswerAsync("/v1/completions", Request(100));
        var computed = await served.MetricAsync("onnxmoe_expert_tokens_total");
        Assert.Equal(0, await served.MetricAsync("onnxmoe_prefix_cache_hits_total"));

        Assert.Equal(Scores(first), Scores(await served.AnswerAsync("/v1/completions", Request(100))));
        Assert.Equal(96, await served.MetricAsync("onnxmoe_prefix_cache_hits_total")); // three pages of 32
        Assert.Equal(2 * computed - 96 * AttentionModel.Layers * 2, await served.MetricAsync("onnxmoe_expert_tokens_total"));

        await served.AnswerAsync("/v1/completions", Request(100, ",\"active_experts\":3")); // computed under other circumstances
        Assert.Equal(96, await served.MetricAsync("onnxmoe_prefix_cache_hits_total"));
        await served.AnswerAsync("/v1/completions", Request(100, ",\"echo\":true")); // the prompt's scores are wanted
        Assert.Equal(96, await served.MetricAsync("onnxmoe_prefix_cache_hits_total"));
    }

    [Fact]
    public async Task AFullCacheMakesTheLastOnesWaitAndChangesNothing()
    {
        // 1 MiB holds 4,096 tokens; eight sequences would take 9,600.
        string Long(int i) => $$"""{"prompt":"{{(char)('a' + i)}}","max_tokens":1200,"temperature":1,"seed":{{i}},"ignore_eos":true}""";
        await using var served = await ServeAsync(options => options.CacheSize = 1, context: 2048);
        var together = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => served.AnswerAsync("/v1/completions", Long(i))));
        Assert.True(await served.MetricAsync("onnxmoe_num_preemptions_total") > 0);
        await using var roomy = await ServeAsync(context: 2048);
        for (var i = 0; i < 8; i++)
            Assert.Equal((string)(await roomy.AnswerAsync("/v1/completions", Long(i)))["choices"]![0]!["text"]!, (string)together[i]["choices"]![0]!["text"]!);
        Assert.Equal(0, await roomy.MetricAsync("onnxmoe_num_preemptions_total"));
        Assert.Equal(0, await served.MetricAsync("onnxmoe_kv_cache_usage_perc")); // all pages came back
    }

    [Fact]
    public async Task ARequestThatTheCacheCouldNeverHoldIsRefused()
    {
        await using var served = await ServeAsync(options => options.CacheSize = 1, context: 8192);
        var (status, body, _) = await served.PostAsync("/v1/completions", """{"prompt":"a","max_tokens":5000}""");
        Assert.Equal(400, status);
        Assert.Contains("this server can hold 4096 of one sequence", (string)body["error"]!["message"]!);
    }

    [Fact]
    public async Task HalfPrecisionPagesAreNearAndHalfAsLarge()
    {
        await using var full = await ServeAsync();
        await using var half = await ServeAsync(options => options.CachePrecision = "fp16");
        static double[] Scores(JsonNode answer) => [.. answer["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray().Skip(1).Select(value => (double)value!)];
        var request = Request(60, ",\"echo\":true").Replace("12", "0");
        var (expected, found) = (Scores(await full.AnswerAsync("/v1/completions", request)), Scores(await half.AnswerAsync("/v1/completions", request)));
        Assert.NotEqual(expected, found);
        foreach (var (a, b) in expected.Zip(found))
            Assert.Equal(a, b, 0.02);
        Assert.Equal(full.Server.Model.CacheBytesPerToken, 2 * half.Server.Model.CacheBytesPerToken);
    }

    [Fact]
    public async Task TensorsOfAPagedModelAreThoseOfItsFile()
    {
        await using var served = await ServeAsync();
        var names = (await JsonAsync(served, "/v2/models/tiny"))["inputs"]!.AsArray().Select(input => (string)input!["name"]!).ToArray();
        Assert.Contains("past_key_values.0.key", names);
        Assert.DoesNotContain("page_table", names);
    }

    [Fact]
    public async Task TensorsOfAFileThatWasReplacedMeanwhileAreRefused()
    {
        await using var served = await ServeAsync();
        using var other = new Scratch();
        AttentionModel.Write(other.Folder, context: 128);
        foreach (var file in Directory.GetFiles(other.Folder))
            File.Move(file, Path.Combine(served.Folder, Path.GetFileName(file)), overwrite: true); // as export does; what is loaded stays mapped
        using var answer = await served.Client.GetAsync("/v2/models/tiny");
        Assert.Equal(400, (int)answer.StatusCode);
        Assert.Contains("model.onnx", await answer.Content.ReadAsStringAsync());
        await served.AnswerAsync("/v1/completions", Request(5)); // what is loaded goes on
    }

    private static async Task<JsonNode> JsonAsync(Served served, string path) => JsonNode.Parse(await served.Client.GetStringAsync(path))!;
}
