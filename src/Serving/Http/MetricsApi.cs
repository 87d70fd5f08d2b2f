using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Prometheus;

namespace OnnxMoe.Serving.Http;

/// <summary>The numbers of the server in Prometheus' text format.</summary>
public static class MetricsApi
{
    /// <summary>Adds <c>/metrics</c>.</summary>
    public static void MapMetrics(this IEndpointRouteBuilder routes, CollectorRegistry registry) => routes.MapGet("/metrics", async context =>
    {
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        await registry.CollectAndExportAsTextAsync(context.Response.Body, context.RequestAborted);
    });
}
