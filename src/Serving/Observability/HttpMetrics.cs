using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>Requests by endpoint and status, for Prometheus.</summary>
/// <param name="registry">Where the metrics are collected.</param>
internal sealed class HttpMetrics(CollectorRegistry registry)
{
    private readonly Counter _answered = Metrics.WithCustomRegistry(registry)
        .CreateCounter("onnxmoe_http_requests_total", "HTTP requests answered, by the endpoint's pattern; status 499 = the client left.", "route", "status");

    /// <summary>Notes an answer.</summary>
    public void Answered(string route, int status) => _answered.WithLabels(route, $"{status}").Inc();
}
