using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class MetricsTests
{
    private const string Infer = """
        {"outputs":[{"name":"logits"}],"inputs":[
        {"name":"input_ids","datatype":"INT64","shape":[2,1],"data":[5,6]},{"name":"position_ids","datatype":"INT64","shape":[2,1],"data":[0,0]},
        {"name":"attention_mask","datatype":"INT64","shape":[2,1],"data":[1,1]},
        {"name":"past_key_values.0.key","datatype":"FP32","shape":[2,1,0,8],"data":[]},{"name":"past_key_values.0.value","datatype":"FP32","shape":[2,1,0,8],"data":[]}]}
        """;

    /// <summary>Two sequences of four tokens, one of three, one tensor request, and one that fails.</summary>
    private static async Task<IReadOnlyList<PrometheusText.Sample>> Measure(Served served)
    {
        await served.AnswerAsync("/v1/completions", """{"prompt":"abc","max_tokens":4,"n":2,"ignore_eos":true}""");
        await served.AnswerAsync("/v1/chat/completions", """{"messages":[{"role":"user","content":"Hi"}],"max_tokens":3,"ignore_eos":true}""");
        await served.AnswerAsync("/v2/models/tiny/infer", Infer);
        await served.PostAsync("/v2/models/tiny/infer", """{"inputs":[]}""");
        await served.PostAsync("/v1/completions", "{}");
        return PrometheusText.Parse(await served.Client.GetStringAsync("/metrics"));
    }

    [Fact]
    public async Task TheTextHasTheFormScrapersReadAndEachRequestsNumbers()
    {
        await using var served = await Served.RandomAsync();
        var samples = await Measure(served);
        double Of(string name, string? label = null) => samples.Where(sample => sample.Name == name && (label is null || sample.Labels.Values.Contains(label))).Sum(sample => sample.Value);
        Assert.All(samples, sample => Assert.Matches("^(onnxmoe|process|dotnet|system|prometheus)_", sample.Name));
        foreach (var stage in (string[])["queue", "prefill", "decode", "inference"])
            Assert.Equal(3, Of($"onnxmoe_request_{stage}_time_seconds_count"));
        Assert.Equal(Of("onnxmoe_request_inference_time_seconds_sum"), Of("onnxmoe_request_prefill_time_seconds_sum") + Of("onnxmoe_request_decode_time_seconds_sum"), 1e-9);
        Assert.Equal(3 + 3 + "user: Hi\nassistant:".Length, Of("onnxmoe_request_prompt_tokens_sum"));
        Assert.Equal(4 + 4 + 3, Of("onnxmoe_request_generation_tokens_sum"));
        Assert.Equal(2 + 1, Of("onnxmoe_request_params_n_sum"));
        Assert.Equal(4 + 3, Of("onnxmoe_request_params_max_tokens_sum"));
        Assert.Equal(0, Of("onnxmoe_num_requests_running"));
        GC.Collect(); // after which there are numbers
        samples = PrometheusText.Parse(await served.Client.GetStringAsync("/metrics"));
        Assert.All((string[])["process_resident_memory_bytes", "onnxmoe_managed_heap_bytes", "onnxmoe_managed_committed_bytes"], name => Assert.InRange(Of(name), 1e5, 1e12));
        Assert.Equal(1, Of("onnxmoe_inference_request_success_total", "tiny"));
        Assert.Equal(1, Of("onnxmoe_inference_request_failure_total", "tiny"));
        Assert.Equal(2, Of("onnxmoe_inference_count_total"));
        Assert.Equal(1, Of("onnxmoe_inference_exec_count_total"));
        Assert.Equal(
            Of("onnxmoe_inference_request_duration_seconds_total"),
            Of("onnxmoe_inference_queue_duration_seconds_total") + Of("onnxmoe_inference_compute_input_duration_seconds_total")
                + Of("onnxmoe_inference_compute_infer_duration_seconds_total") + Of("onnxmoe_inference_compute_output_duration_seconds_total"),
            1e-6);
        Assert.Equal(1, samples.Single(sample => sample.Name == "onnxmoe_http_requests_total" && sample.Labels["route"] == "/v1/completions" && sample.Labels["status"] == "400").Value);
    }

    [Fact]
    public async Task OnRequestTheNumbersComeUnderTheNamesOfOtherServersToo()
    {
        await using var served = await Served.RandomAsync(options => options.MetricsAliases = true);
        var samples = await Measure(served);
        var alias = samples.Where(sample => sample.Name.StartsWith("vllm:", StringComparison.Ordinal)).ToArray();
        Assert.Contains(alias, sample => sample.Name == "vllm:num_requests_waiting" && sample.Labels["model_name"] == "tiny");
        Assert.Equal(11, alias.Single(sample => sample.Name == "vllm:generation_tokens_total").Value);
        Assert.Equal(3, alias.Single(sample => sample.Name == "vllm:request_queue_time_seconds_count").Value);
        Assert.All(alias, sample => Assert.Equal(samples.Single(ours => ours.Name == "onnxmoe_" + sample.Name["vllm:".Length..] && ours.Labels.SequenceEqual(sample.Labels)).Value, sample.Value));
        Assert.Equal(1, samples.Single(sample => sample.Name == "nv_inference_request_success").Value);
        Assert.Equal(
            samples.Single(sample => sample.Name == "onnxmoe_inference_request_duration_seconds_total").Value * 1e6,
            samples.Single(sample => sample.Name == "nv_inference_request_duration_us").Value, 0.6);
    }

    [Theory]
    [InlineData("onnxmoe_a 1\n", "does not belong")]
    [InlineData("# HELP a b\n# TYPE a gauge\na 1\na 2\n", "twice")]
    [InlineData("# HELP a b\n# TYPE a gauge\na 1", "no end")]
    [InlineData("# HELP a b\n# TYPE a gauge\na{x=y} 1\n", "no line of the format")]
    [InlineData("# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n", "do not grow")]
    public void TheReaderOfTheseTestsIsStrict(string text, string says) =>
        Assert.Contains(says, Assert.Throws<FormatException>(() => PrometheusText.Parse(text)).Message);
}
