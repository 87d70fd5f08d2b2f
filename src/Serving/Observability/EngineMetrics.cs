using OnnxMoe.Serving.Experts;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Serving.Paging;
using OnnxMoe.Serving.Sessions;
using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>The engine's numbers for Prometheus: vLLM's names and meanings with the prefix onnxmoe_, and the load of each expert.</summary>
public sealed class EngineMetrics
{
    private static readonly double[] FirstTokenSeconds = [.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560];
    private static readonly double[] TokenSeconds = [.001, .0025, .005, .01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
    private static readonly double[] RequestSeconds = [.05, .1, .3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];

    private static readonly double[] StepTokens = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];

    private readonly Level _running;
    private readonly Level _waiting;
    private readonly Level _cacheBytes;
    private readonly Gauge.Child _cacheUsage;
    private readonly Tally _prefixQueries;
    private readonly Tally _prefixHits;
    private readonly Counter.Child _preemptions;
    private readonly Histogram.Child _stepTokens;
    private readonly Counter.Child _promptTokens;
    private readonly Counter.Child _generationTokens;
    private readonly Counter _successes;
    private readonly Counter _experts;
    private readonly Counter _started;
    private readonly Gauge _threshold;
    private readonly Tally _cacheHits;
    private readonly Tally _cacheMisses;
    private readonly Tally _cacheEvictions;
    private readonly Histogram.Child _firstToken;
    private readonly Histogram.Child _perToken;
    private readonly Histogram.Child _endToEnd;
    private readonly Dictionary<(int Layer, long Expert), Counter.Child> _expertCounters = [];
    private readonly string _model;

    /// <param name="registry">Where the metrics are collected.</param>
    /// <param name="model">Value of the label model_name.</param>
    public EngineMetrics(CollectorRegistry registry, string model)
    {
        _model = model;
        var metrics = Metrics.WithCustomRegistry(registry);
        Level Amount(string name, string help) => new(metrics.CreateGauge(name, help, "model_name").WithLabels(model));
        Counter.Child Count(string name, string help) => metrics.CreateCounter(name, help, "model_name").WithLabels(model);
        Tally Sum(string name, string help) => new(Count(name, help));
        Histogram.Child Times(string name, string help, double[] buckets) =>
            metrics.CreateHistogram(name, help, ["model_name"], new() { Buckets = buckets }).WithLabels(model);

        _running = Amount("onnxmoe_num_requests_running", "Sequences that are being generated.");
        _waiting = Amount("onnxmoe_num_requests_waiting", "Sequences that wait for a slot.");
        _cacheBytes = Amount("onnxmoe_kv_cache_bytes", "Bytes in the caches of the sequences that are being generated.");
        _cacheUsage = metrics.CreateGauge("onnxmoe_kv_cache_usage_perc", "Pages of the KV cache in use; 1 is all of them.", "model_name").WithLabels(model);
        _prefixQueries = Sum("onnxmoe_prefix_cache_queries_total", "Tokens that sequences looked for among the pages kept.");
        _prefixHits = Sum("onnxmoe_prefix_cache_hits_total", "Those of them that were there and need not be computed.");
        _preemptions = Count("onnxmoe_num_preemptions_total", "Sequences that gave their slot up for want of pages.");
        _stepTokens = Times("onnxmoe_iteration_tokens_total", "Tokens of one step of the engine.", StepTokens);
        _promptTokens = Count("onnxmoe_prompt_tokens_total", "Prompt tokens processed.");
        _generationTokens = Count("onnxmoe_generation_tokens_total", "Tokens generated.");
        _successes = metrics.CreateCounter("onnxmoe_request_success_total", "Sequences completed.", "model_name", "finished_reason");
        _experts = metrics.CreateCounter("onnxmoe_expert_tokens_total", "Tokens routed to an expert.", "model_name", "layer", "expert");
        _cacheHits = Sum("onnxmoe_expert_cache_hits_total", "Experts that a cache of Serve:ExpertSlots would have held.");
        _cacheMisses = Sum("onnxmoe_expert_cache_misses_total", "Experts that it would have had to load.");
        _cacheEvictions = Sum("onnxmoe_expert_cache_evictions_total", "Experts that it would have given up for others.");
        _started = metrics.CreateCounter("onnxmoe_sequences_started_total", "Sequences started, by the experts that each of their tokens meets.", "model_name", "active_experts");
        _threshold = metrics.CreateGauge("onnxmoe_router_threshold", "Sum of probabilities up to which a token is given experts.", "model_name");
        _firstToken = Times("onnxmoe_time_to_first_token_seconds", "From the arrival of a sequence to its first token.", FirstTokenSeconds);
        _perToken = Times("onnxmoe_time_per_output_token_seconds", "From one token of a sequence to the next.", TokenSeconds);
        _endToEnd = Times("onnxmoe_e2e_request_latency_seconds", "From the arrival of a sequence to its last token.", RequestSeconds);
    }

    /// <summary>Prompt tokens processed.</summary>
    public long PromptTokens => (long)_promptTokens.Value;

    /// <summary>Tokens generated.</summary>
    public long GenerationTokens => (long)_generationTokens.Value;

    /// <summary>Sequences that lost their slots for want of pages.</summary>
    public long Preemptions => (long)_preemptions.Value;

    /// <summary>What the caches held last.</summary>
    internal CacheState? Cache { get; private set; }

    /// <summary>Sets the gauges.</summary>
    public void SetLoad(int running, int waiting)
    {
        _running.Set(running);
        _waiting.Set(waiting);
    }

    /// <summary>Sets what the caches of all running sequences hold, and takes over the counts of a cache of pages.</summary>
    internal void SetCache(CausalModel model, long tokens)
    {
        Cache = CacheState.Of(model, tokens);
        _cacheBytes.Set(tokens * model.CacheBytesPerToken);
        if (model is not PagedSession paged)
            return;
        _cacheUsage.Set(paged.Pools.Sum(pool => (double)pool.Used) / paged.Pools.Sum(pool => pool.Pages));
        _prefixQueries.Set(paged.Pools.Sum(pool => pool.Queries * pool.PageSize));
        _prefixHits.Set(paged.Pools.Sum(pool => pool.Hits * pool.PageSize));
    }

    /// <summary>Counts a sequence that lost its slot for want of pages.</summary>
    public void Preempted() => _preemptions.Inc();

    /// <summary>Notes how many tokens a step of the engine works on.</summary>
    public void Running(int tokens) => _stepTokens.Observe(tokens);

    /// <summary>Sets the threshold of a model whose routers have one.</summary>
    public void SetRouterThreshold(double threshold) => _threshold.WithLabels(_model).Set(threshold);

    /// <summary>Notes that a sequence got its slot.</summary>
    internal void Started(Sequence sequence)
    {
        if (sequence.ActiveExperts is { } number)
            _started.WithLabels(_model, $"{number}").Inc();
    }

    /// <summary>Adds the experts that a layer chose in one of its iterations; a layer's count is the sum of them. Called by one thread at a time.</summary>
    public void CountExperts(int layer, ReadOnlySpan<long> experts)
    {
        foreach (var expert in experts)
        {
            if (expert < 0)
                continue;
            if (!_expertCounters.TryGetValue((layer, expert), out var counter))
                _expertCounters[(layer, expert)] = counter = _experts.WithLabels(_model, $"{layer}", $"{expert}");
            counter.Inc();
        }
    }

    /// <summary>Takes over the counts of the one cache that is watched.</summary>
    public void CountExpertCache(ExpertCache cache)
    {
        _cacheHits.Set(cache.Hits);
        _cacheMisses.Set(cache.Misses);
        _cacheEvictions.Set(cache.Evictions);
    }

    /// <summary>Notes one step of a sequence.</summary>
    internal void Stepped(Sequence sequence, bool prefill)
    {
        var now = TimeProvider.System.GetTimestamp();
        if (prefill)
        {
            _promptTokens.Inc(sequence.Request.Prompt.Count);
            _firstToken.Observe(Seconds(sequence.Submitted, now));
        }
        else
        {
            _perToken.Observe(Seconds(sequence.LastToken, now));
        }
        if (sequence.Request.MaxTokens > 0)
            _generationTokens.Inc();
        sequence.LastToken = now;
        if (sequence.Finish is { } finish)
        {
            _endToEnd.Observe(Seconds(sequence.Submitted, now));
            _successes.WithLabels(_model, finish == FinishReason.Stop ? "stop" : "length").Inc();
        }
    }

    private static double Seconds(long from, long to) => TimeProvider.System.GetElapsedTime(from, to).TotalSeconds;
}
