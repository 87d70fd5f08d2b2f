using System.Globalization;
using System.Text;

namespace OnnxMoe.Serving.Observability;

/// <summary>Repeats the metrics that mean the same elsewhere under the names that vLLM and Triton have for them.</summary>
internal static class MetricsAliases
{
    private const string Prefix = "onnxmoe_";
    private const string Inference = "onnxmoe_inference_";

    /// <summary>vLLM's names after the prefix.</summary>
    private static readonly HashSet<string> VllmNames =
    [
        "num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "prompt_tokens_total", "generation_tokens_total", "num_preemptions_total",
        "prefix_cache_queries_total", "prefix_cache_hits_total", "request_success_total", "time_to_first_token_seconds", "time_per_output_token_seconds",
        "e2e_request_latency_seconds", "request_queue_time_seconds", "request_prefill_time_seconds", "request_decode_time_seconds",
        "request_inference_time_seconds", "request_prompt_tokens", "request_generation_tokens", "iteration_tokens_total", "request_params_n", "request_params_max_tokens",
    ];

    /// <summary>The text with the aliases after it.</summary>
    /// <param name="text">All metrics in Prometheus' text format.</param>
    public static string Append(string text)
    {
        var result = new StringBuilder(text);
        string? family = null;
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("# ", StringComparison.Ordinal))
                family = line.Split(' ', 4)[2];
            if (family is not null && Alias(family) is { } alias)
                result.Append(Renamed(line, family, alias)).Append('\n');
        }
        return result.ToString();
    }

    private static string? Alias(string family) =>
        family.StartsWith(Inference, StringComparison.Ordinal) ? "nv_inference_" + family[Inference.Length..].Replace("_duration_seconds_total", "_duration_us", StringComparison.Ordinal).Replace("_total", "", StringComparison.Ordinal)
        : family.StartsWith(Prefix, StringComparison.Ordinal) && VllmNames.Contains(family[Prefix.Length..]) ? "vllm:" + family[Prefix.Length..]
        : null;

    private static string Renamed(string line, string family, string alias)
    {
        if (line.StartsWith('#'))
            return line.Replace($" {family} ", $" {alias} ", StringComparison.Ordinal);
        var renamed = alias + line[family.Length..];
        if (!alias.EndsWith("_us", StringComparison.Ordinal))
            return renamed;
        var value = renamed.LastIndexOf(' ') + 1; // Triton counts microseconds
        return renamed[..value] + Math.Round(double.Parse(renamed[value..], CultureInfo.InvariantCulture) * 1e6).ToString(CultureInfo.InvariantCulture);
    }
}
