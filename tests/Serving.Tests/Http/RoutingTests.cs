using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>The request field <c>routing</c>.</summary>
public sealed class RoutingTests
{
    private const string Fields = "\"max_tokens\":9,\"seed\":6,\"ignore_eos\":true,\"routing\":true";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheExpertsOfAnAnswerAreThoseOfTheTrace(bool paged)
    {
        using var copy = new Scratch();
        JsonNode routing;
        await using (var served = await Served.StartAsync(folder => Write(folder, paged), options => options.Trace = "on"))
        {
            routing = Routing(await served.AnswerAsync("/v1/completions", $$"""{"prompt":"abcde",{{Fields}}}"""));
            await served.Server.DisposeAsync();
            File.Copy(Path.Combine(served.Folder, "trace-serve.bin"), copy.PathOf("trace.bin"));
        }
        using var reader = new RoutingTraceReader(copy.PathOf("trace.bin"));
        var decoded = reader.Frames().Where(frame => frame.Phase == RoutingPhase.Decode).ToArray();
        Assert.Equal(8, decoded.Length); // the ninth token meets no experts: nothing follows it
        for (var site = 0; site < reader.Header.Layers.Count; site++)
        {
            var found = routing[$"{reader.Header.Layers[site].Site}"]!.AsArray().Select(token => token!.ToJsonString());
            Assert.Equal(decoded.Select(frame => $"[{string.Join(',', frame.Ids[site].ToArray().Where(expert => expert >= 0))}]"), found);
        }
    }

    [Theory]
    [InlineData("/v1/completions", "\"prompt\":\"abc\"")]
    [InlineData("/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"abc\"}]")]
    public async Task AStreamBringsTheSameTokenByToken(string path, string prompt)
    {
        await using var served = await Served.StartAsync(folder => MoeModel.Write(folder));
        var whole = Routing(await served.AnswerAsync(path, $$"""{{{prompt}},{{Fields}}}"""));
        var chunks = (await served.StreamAsync(path, $$"""{{{prompt}},{{Fields}},"stream":true}"""))[..^1].Select(data => JsonNode.Parse(data)!["choices"]![0]!["routing"]).OfType<JsonNode>().ToArray();
        Assert.Equal(["0", "2", "2.1"], whole.AsObject().Select(site => site.Key));
        foreach (var (site, tokens) in whole.AsObject())
        {
            Assert.Equal(8, tokens!.AsArray().Count);
            Assert.Equal(tokens!.AsArray().Select(token => token!.ToJsonString()), chunks.SelectMany(chunk => chunk[site]!.AsArray()).Select(token => token!.ToJsonString()));
        }
        Assert.True(chunks.Length > 1);
    }

    [Fact]
    public async Task WhatIsComputedAgainIsReportedOnce()
    {
        // 1 MiB holds 4,096 tokens; four sequences would take 4,800.
        string Long(int i) => $$"""{"prompt":"{{(char)('a' + i)}}","max_tokens":1200,"seed":{{i}},"ignore_eos":true,"routing":true}""";
        await using var served = await Served.StartAsync(folder => AttentionModel.Write(folder, 2048), options => options.CacheSize = 1);
        var together = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => served.AnswerAsync("/v1/completions", Long(i))));
        Assert.True(await served.MetricAsync("onnxmoe_num_preemptions_total") > 0);
        await using var roomy = await Served.StartAsync(folder => AttentionModel.Write(folder, 2048));
        var expected = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => roomy.AnswerAsync("/v1/completions", Long(i))));
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(1199, Routing(expected[i])["0"]!.AsArray().Count);
            Assert.Equal(Routing(expected[i]).ToJsonString(), Routing(together[i]).ToJsonString());
        }
    }

    [Fact]
    public async Task WhatIsComputedAgainIsTracedOnce()
    {
        var (roomy, preempted) = await TraceAsync(0);
        Assert.Equal(0, preempted);
        (var tight, preempted) = await TraceAsync(1);
        Assert.True(preempted > 0);
        Assert.Equal(roomy, tight);
        Assert.All(tight, request => Assert.Equal((3, 1199), (request.Prefilled, request.Decoded)));

        // For each request, in the order of its routing, since which comes first is chance: the tokens of each phase, and the experts of all.
        static async Task<((int Prefilled, int Decoded, string Experts)[] Requests, double Preempted)> TraceAsync(int cacheSize)
        {
            using var copy = new Scratch();
            double preempted;
            await using (var served = await Served.StartAsync(folder => AttentionModel.Write(folder, 2048), options => (options.CacheSize, options.Trace) = (cacheSize, "on")))
            {
                await Task.WhenAll(Enumerable.Range(0, 4).Select(i =>
                    served.AnswerAsync("/v1/completions", $$"""{"prompt":"x{{i}}y","max_tokens":1200,"seed":{{i}},"ignore_eos":true}""")));
                preempted = await served.MetricAsync("onnxmoe_num_preemptions_total");
                Assert.Equal(4 * 1202 * AttentionModel.Layers * 2, await served.MetricAsync("onnxmoe_expert_tokens_total"));
                await served.Server.DisposeAsync();
                File.Copy(Path.Combine(served.Folder, "trace-serve.bin"), copy.PathOf("trace.bin"));
            }
            using var reader = new RoutingTraceReader(copy.PathOf("trace.bin"));
            var requests = reader.Frames().GroupBy(frame => frame.Request).Select(frames => (
                frames.Where(frame => frame.Phase == RoutingPhase.Prefill).Sum(frame => frame.Tokens),
                frames.Where(frame => frame.Phase == RoutingPhase.Decode).Sum(frame => frame.Tokens),
                string.Join(' ', Enumerable.Range(0, AttentionModel.Layers).SelectMany(layer => frames.SelectMany(frame => frame.Ids[layer].ToArray())))));
            return ([.. requests.OrderBy(request => request.Item3, StringComparer.Ordinal)], preempted);
        }
    }

    [Fact]
    public async Task WhoDoesNotAskIsNotTold()
    {
        await using var served = await Served.RandomAsync();
        foreach (var field in new[] { "", ",\"routing\":false" })
            Assert.Null((await served.AnswerAsync("/v1/completions", $$"""{"prompt":"a","max_tokens":3{{field}}}"""))["choices"]![0]!["routing"]);
    }

    [Fact]
    public async Task MistakesAreTold()
    {
        await using var served = await Served.StartAsync(folder => TinyModel.WriteOddCaches(folder));
        foreach (var (value, message) in new[] { ("true", "has no layers that report which experts"), ("\"yes\"", "'routing' must be true or false, not a string.") })
        {
            var (status, answer, _) = await served.PostAsync("/v1/completions", $$"""{"prompt":"a","routing":{{value}}}""");
            Assert.Equal(400, status);
            Assert.Contains(message, (string)answer["error"]!["message"]!);
            Assert.Equal("routing", (string)answer["error"]!["param"]!);
        }
    }

    private static void Write(string folder, bool paged)
    {
        if (paged)
            AttentionModel.Write(folder);
        else
            MoeModel.Write(folder);
    }

    private static JsonNode Routing(JsonNode answer) => answer["choices"]![0]!["routing"]!;
}
