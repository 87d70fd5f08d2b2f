using OnnxMoe.Serving.Generation;
using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>What each sequence asked for and how long its stages took, for Prometheus: vLLM's names and meanings with the prefix onnxmoe_.</summary>
public sealed class GenerationMetrics
{
    private static readonly double[] Seconds = [.001, .005, .01, .05, .1, .3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
    private static readonly double[] Tokens = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];
    private static readonly double[] Choices = [1, 2, 5, 10, 20];

    private readonly Histogram.Child _queue;
    private readonly Histogram.Child _prefill;
    private readonly Histogram.Child _decode;
    private readonly Histogram.Child _inference;
    private readonly Histogram.Child _promptTokens;
    private readonly Histogram.Child _generationTokens;
    private readonly Histogram.Child _n;
    private readonly Histogram.Child _maxTokens;
    private readonly Counter.Child _timeouts;
    private readonly Counter.Child _refused;

    /// <param name="registry">Where the metrics are collected.</param>
    /// <param name="model">Value of the label model_name.</param>
    public GenerationMetrics(CollectorRegistry registry, string model)
    {
        var metrics = Metrics.WithCustomRegistry(registry);
        _queue = Of("onnxmoe_request_queue_time_seconds", "From the arrival of a sequence to its start.", Seconds);
        _prefill = Of("onnxmoe_request_prefill_time_seconds", "From the start of a sequence to its first token.", Seconds);
        _decode = Of("onnxmoe_request_decode_time_seconds", "From the first token of a sequence to its last.", Seconds);
        _inference = Of("onnxmoe_request_inference_time_seconds", "From the start of a sequence to its last token.", Seconds);
        _promptTokens = Of("onnxmoe_request_prompt_tokens", "Tokens of a sequence's prompt.", Tokens);
        _generationTokens = Of("onnxmoe_request_generation_tokens", "Tokens generated for a sequence.", Tokens);
        _n = Of("onnxmoe_request_params_n", "Answers that a request asks for to each prompt (n).", Choices);
        _maxTokens = Of("onnxmoe_request_params_max_tokens", "Tokens that a request asks for at most, or gets by default.", Tokens);
        _timeouts = metrics.CreateCounter("onnxmoe_request_timeouts_total", "Requests that ended at their deadline.", "model_name").WithLabels(model);
        _refused = metrics.CreateCounter("onnxmoe_request_refused_total", "Requests refused because the queue was full.", "model_name").WithLabels(model);

        Histogram.Child Of(string name, string help, double[] buckets) =>
            metrics.CreateHistogram(name, help, ["model_name"], new() { Buckets = buckets }).WithLabels(model);
    }

    /// <summary>When a client that is refused should come again.</summary>
    public LoadEstimate Load { get; } = new(TimeProvider.System);

    /// <summary>Notes a request that the engine has taken.</summary>
    public void Accepted(int choices, int maxTokens)
    {
        _n.Observe(choices);
        _maxTokens.Observe(maxTokens);
    }

    /// <summary>Notes a request that found the queue full.</summary>
    public void Refused() => _refused.Inc();

    /// <summary>Notes a request whose time was over.</summary>
    public void TimedOut() => _timeouts.Inc();

    /// <summary>Notes a sequence that has ended by itself.</summary>
    public void Ended(int promptTokens, int generatedTokens, SequenceTimes? times)
    {
        Load.Ended();
        _promptTokens.Observe(promptTokens);
        _generationTokens.Observe(generatedTokens);
        if (times is null)
            return;
        _queue.Observe(times.QueueSeconds);
        _prefill.Observe(times.PrefillSeconds);
        _decode.Observe(times.DecodeSeconds);
        _inference.Observe(times.PrefillSeconds + times.DecodeSeconds);
    }
}
