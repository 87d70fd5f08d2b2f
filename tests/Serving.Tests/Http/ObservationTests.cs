using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class ObservationTests
{
    [Fact]
    public async Task MetricsCountTokensRequestsAndExperts()
    {
        await using var served = await Served.RandomAsync();
        for (var i = 0; i < 3; i++)
            await served.AnswerAsync("/v1/completions", """{"prompt":"abcd","max_tokens":5,"ignore_eos":true}""");
        Assert.Equal(12, await served.MetricAsync("onnxmoe_prompt_tokens_total"));
        Assert.Equal(15, await served.MetricAsync("onnxmoe_generation_tokens_total"));
        Assert.Equal(3, await served.MetricAsync("onnxmoe_request_success_total{model_name=\"tiny\",finished_reason=\"length\"}"));
        Assert.Equal(3, await served.MetricAsync("onnxmoe_time_to_first_token_seconds_count"));
        Assert.Equal(12, await served.MetricAsync("onnxmoe_time_per_output_token_seconds_count"));
        Assert.Equal(3, await served.MetricAsync("onnxmoe_e2e_request_latency_seconds_count"));
        Assert.Equal(0, await served.MetricAsync("onnxmoe_num_requests_waiting"));
        // The last token of an answer is chosen, and never fed: 4 + 4 tokens met the experts.
        Assert.Equal(3 * 8 * TinyModel.ExpertsPerToken, await served.MetricAsync("onnxmoe_expert_tokens_total"));
        Assert.Contains("onnxmoe_kv_cache_bytes{model_name=\"tiny\"}", await served.Client.GetStringAsync("/metrics"));
        Assert.Contains("onnxmoe_expert_tokens_total{model_name=\"tiny\",layer=\"0\",expert=\"", await served.Client.GetStringAsync("/metrics"));
    }

    [Fact]
    public async Task TheTraceHasEachTokensExperts()
    {
        using var copy = new Scratch();
        await using (var served = await Served.RandomAsync(options => (options.Trace, options.TraceFraction) = ("on", 0.5)))
        {
            for (var i = 0; i < 4; i++)
                await served.AnswerAsync("/v1/completions", """{"prompt":"abcd","max_tokens":3,"ignore_eos":true}""");
            await served.Server.DisposeAsync();
            File.Copy(Path.Combine(served.Folder, "trace-serve.bin"), copy.PathOf("trace.bin"));
        }
        using var reader = new RoutingTraceReader(copy.PathOf("trace.bin"));
        var frames = reader.Frames().ToArray();
        Assert.Equal(2 * 3, frames.Length);
        Assert.Equal(2, frames.Select(frame => frame.Request).Distinct().Count());
        Assert.Equal(2 * 4, frames.Where(frame => frame.Phase == RoutingPhase.Prefill).Sum(frame => frame.Tokens));
        Assert.All(frames, frame => Assert.Equal(frame.Tokens * TinyModel.ExpertsPerToken, frame.Ids[0].Length));
        Assert.All(frames, frame => Assert.Equal(frame.Tokens, frame.Weights[0].ToArray().Sum(), 0.01));
    }

    [Fact]
    public async Task IterationsOfALayerAreTracedApartAndCountedTogether()
    {
        using var copy = new Scratch();
        await using (var served = await Served.StartAsync(folder => TinyModel.WriteChain(folder), options => (options.Trace, options.ExpertSlots) = ("on", TinyModel.Experts)))
        {
            await served.AnswerAsync("/v1/completions", """{"prompt":"abcd","max_tokens":5,"ignore_eos":true}""");
            Assert.Equal(2 * 8 * TinyModel.ExpertsPerToken, await served.MetricAsync("onnxmoe_expert_tokens_total"));
            Assert.DoesNotContain("layer=\"1\"", await served.Client.GetStringAsync("/metrics"));
            // A slot for every expert of the one layer: each is loaded once, whichever iteration asks first.
            Assert.InRange(await served.MetricAsync("onnxmoe_expert_cache_misses_total"), 1, TinyModel.Experts);
            Assert.Equal(0, await served.MetricAsync("onnxmoe_expert_cache_evictions_total"));
            await served.Server.DisposeAsync();
            File.Copy(Path.Combine(served.Folder, "trace-serve.bin"), copy.PathOf("trace.bin"));
        }
        var trace = RoutingTrace.Load(copy.PathOf("trace.bin"));
        Assert.Equal([new RoutingSite(0), new RoutingSite(0, 1)], trace.Layers.Select(layer => layer.Site));
        Assert.Equal(8, trace.Tokens);
        Assert.NotEqual(trace.Ids(0).ToArray(), trace.Ids(1).ToArray());
    }
}
