using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Sessions;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Paging;

/// <summary>
/// A model on pages, through HTTP: with the native kernels, and in standard operators in the place of the exporter's function ("functions") and of ONNX
/// Runtime's operator ("onnxruntime").
/// </summary>
public sealed class PagedServingTests
{
    private const string Native = "native";

    /// <summary>The engines.</summary>
    public static TheoryData<string> Engines => [Native, "functions", "onnxruntime"];

    private static string Request(int length, string more = "") =>
        $$"""{"prompt":"{{string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (i * i % 17))))}}","max_tokens":12,"temperature":0,"ignore_eos":true,"logprobs":1{{more}}}""";

    private static Task<Served> ServeAsync(string engine = Native, Action<ServeOptions>? set = null, int context = 256) =>
        Served.StartAsync(folder => AttentionModel.Write(folder, context, engine == "onnxruntime" ? engine : "onnxmoe"), options =>
        {
            options.Kernels = engine == Native ? "on" : "off";
            set?.Invoke(options);
        });

    private static string Scores(JsonNode answer) => answer["choices"]!.ToJsonString();

    private static double[] LogProbs(JsonNode answer) => [.. answer["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray().Where(value => value is not null).Select(value => (double)value!)];

    private static string Text(JsonNode answer) => (string)answer["choices"]![0]!["text"]!;

    /// <summary>The native kernels promise the same bits, standard operators the same but for rounding.</summary>
    private static void AssertSame(string engine, JsonNode expected, JsonNode found)
    {
        if (engine == Native)
            Assert.Equal(Scores(expected), Scores(found));
        else
            AssertNear(expected, found);
    }

    private static void AssertNear(JsonNode expected, JsonNode found)
    {
        Assert.Equal(Text(expected), Text(found));
        Assert.Equal(LogProbs(expected).Length, LogProbs(found).Length);
        foreach (var (a, b) in LogProbs(expected).Zip(LogProbs(found)))
            Assert.Equal(a, b, 1e-4);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task PagesGiveWhatCachesInOnePieceGive(string engine)
    {
        await using var paged = await ServeAsync(engine);
        await using var contiguous = await ServeAsync(engine, options => options.Pages = "off");
        foreach (var length in new[] { 1, 31, 32, 33, 100 })
            AssertNear(await contiguous.AnswerAsync("/v1/completions", Request(length)), await paged.AnswerAsync("/v1/completions", Request(length)));
        Assert.Equal(engine == Native ? "native pages" : "portable pages", (string)(await JsonAsync(paged, "/status"))["engine"]!);
        Assert.Equal("one by one, because Serve:Pages is off", (string)(await JsonAsync(contiguous, "/status"))["engine"]!);
        Assert.True(await paged.MetricAsync("onnxmoe_prefix_cache_queries_total") > 0);
    }

    [Fact]
    public async Task StandardOperatorsGiveWhatTheNativeKernelsGive()
    {
        await using var native = await ServeAsync();
        await using var portable = await ServeAsync("functions");
        foreach (var length in new[] { 1, 33, 100 })
            AssertNear(await native.AnswerAsync("/v1/completions", Request(length, ",\"echo\":true")), await portable.AnswerAsync("/v1/completions", Request(length, ",\"echo\":true")));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task APromptInPiecesGivesTheSame(string engine)
    {
        await using var whole = await ServeAsync(engine);
        foreach (var tokens in new[] { 1, 7, 64 })
        {
            await using var pieces = await ServeAsync(engine, options => options.BatchTokens = tokens);
            foreach (var more in new[] { "", ",\"echo\":true" })
                AssertSame(engine, await whole.AnswerAsync("/v1/completions", Request(90, more)), await pieces.AnswerAsync("/v1/completions", Request(90, more)));
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task ManyAtOnceGiveWhatEachGivesAlone(string engine)
    {
        await using var served = await ServeAsync(engine, options => (options.Slots, options.BatchTokens, options.PrefixReuse) = (6, 48, "off"));
        // What is drawn may differ after rounding, so that is for the kernels that do not round differently.
        string Mixed(int i) => Request(3 + i * 7 % 80, $",\"seed\":{i},\"active_experts\":{1 + i % 3}").Replace("\"temperature\":0", i % 2 == 0 || engine != Native ? "\"temperature\":0" : "\"temperature\":1.3");
        var together = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => served.AnswerAsync("/v1/completions", Mixed(i))));
        for (var i = 0; i < 24; i++)
            AssertSame(engine, await served.AnswerAsync("/v1/completions", Mixed(i)), together[i]);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task ABeginningThatWasSeenIsNotComputedAgain(string engine)
    {
        await using var served = await ServeAsync(engine);
        var first = await served.AnswerAsync("/v1/completions", Request(100));
        var computed = await served.MetricAsync("onnxmoe_expert_tokens_total");
        Assert.Equal(0, await served.MetricAsync("onnxmoe_prefix_cache_hits_total"));

        AssertSame(engine, first, await served.AnswerAsync("/v1/completions", Request(100)));
        Assert.Equal(96, await served.MetricAsync("onnxmoe_prefix_cache_hits_total")); // three pages of 32
        Assert.Equal(2 * computed - 96 * AttentionModel.Layers * 2, await served.MetricAsync("onnxmoe_expert_tokens_total"));

        await served.AnswerAsync("/v1/completions", Request(100, ",\"active_experts\":3")); // computed under other circumstances
        Assert.Equal(96, await served.MetricAsync("onnxmoe_prefix_cache_hits_total"));
        await served.AnswerAsync("/v1/completions", Request(100, ",\"echo\":true")); // the prompt's scores are wanted
        Assert.Equal(96, await served.MetricAsync("onnxmoe_prefix_cache_hits_total"));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task AFullCacheMakesTheLastOnesWaitAndChangesNothing(string engine)
    {
        // 1 MiB holds 4,096 tokens, or half as many of twice the heads; eight sequences would take 9,600.
        string Long(int i) => $$"""{"prompt":"{{(char)('a' + i)}}","max_tokens":1200,"temperature":{{(engine == Native ? 1 : 0)}},"seed":{{i}},"ignore_eos":true}""";
        await using var served = await ServeAsync(engine, options => options.CacheSize = 1, context: 2048);
        var together = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => served.AnswerAsync("/v1/completions", Long(i))));
        Assert.True(await served.MetricAsync("onnxmoe_num_preemptions_total") > 0);
        await using var roomy = await ServeAsync(engine, context: 2048);
        for (var i = 0; i < 8; i++)
            Assert.Equal(Text(await roomy.AnswerAsync("/v1/completions", Long(i))), Text(together[i]));
        Assert.Equal(0, await roomy.MetricAsync("onnxmoe_num_preemptions_total"));
        Assert.Equal(0, await served.MetricAsync("onnxmoe_kv_cache_usage_perc")); // all pages came back
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task ARequestThatTheCacheCouldNeverHoldIsRefused(string engine)
    {
        await using var served = await ServeAsync(engine, options => options.CacheSize = 1, context: 8192);
        var (status, body, _) = await served.PostAsync("/v1/completions", """{"prompt":"a","max_tokens":5000}""");
        Assert.Equal(400, status);
        Assert.Contains($"this server can hold {(engine == "onnxruntime" ? 2048 : 4096)} of one sequence", (string)body["error"]!["message"]!);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task HalfPrecisionPagesAreNearAndHalfAsLarge(string engine)
    {
        await using var full = await ServeAsync(engine);
        await using var half = await ServeAsync(engine, options => options.CachePrecision = "fp16");
        var request = Request(60, ",\"echo\":true").Replace("12", "0");
        var (expected, found) = (LogProbs(await full.AnswerAsync("/v1/completions", request)), LogProbs(await half.AnswerAsync("/v1/completions", request)));
        Assert.NotEqual(expected, found);
        foreach (var (a, b) in expected.Zip(found))
            Assert.Equal(a, b, 0.02);
        Assert.Equal(full.Server.Model.CacheBytesPerToken, 2 * half.Server.Model.CacheBytesPerToken);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task WhatIsNoNumberStaysWithItsSequence(string engine)
    {
        await using var served = await Served.StartAsync(folder =>
        {
            AttentionModel.Write(folder, target: engine == "onnxruntime" ? engine : "onnxmoe");
            AttentionModel.Spoil(folder, 'z');
        }, options => (options.Kernels, options.PrefixReuse) = (engine == Native ? "on" : "off", "off"));
        var before = await served.AnswerAsync("/v1/completions", Request(20));
        var spoilt = $$"""{"prompt":"{{new string('z', 31)}}","max_tokens":1}"""; // a page but for one token
        await served.PostAsync("/v1/completions", spoilt);
        AssertSame(engine, before, await served.AnswerAsync("/v1/completions", Request(20))); // on the pages that the other has left
        var (bad, good) = (served.PostAsync("/v1/completions", spoilt), served.AnswerAsync("/v1/completions", Request(20)));
        await bad;
        AssertSame(engine, before, await good);
    }

    [Theory]
    [InlineData(1, "auto", "Serve:CacheSize is 1, but Serve:Pages is off, and caches in one piece have no such setting; leave one of the two out.")]
    [InlineData(0, "fp16", "Serve:CachePrecision is fp16, but Serve:Pages is off, and caches in one piece have no such setting; leave one of the two out.")]
    public async Task SettingsOfPagesWithoutPagesAreRefused(int size, string precision, string expected)
    {
        var problem = await Assert.ThrowsAsync<UserError>(() => ServeAsync(Native, options => (options.Pages, options.CacheSize, options.CachePrecision) = ("off", size, precision)));
        Assert.Equal(expected, problem.Message);
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
