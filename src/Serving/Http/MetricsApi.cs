using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using OnnxMoe.Serving.Observability;
using Prometheus;

namespace OnnxMoe.Serving.Http;

/// <summary>The numbers of the server in Prometheus' text format.</summary>
public static class MetricsApi
{
    /// <summary>Adds <c>/metrics</c>.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="registry">The metrics.</param>
    /// <param name="aliases">List them under other servers' names too.</param>
    public static void MapMetrics(this IEndpointRouteBuilder routes, CollectorRegistry registry, bool aliases) => routes.MapGet("/metrics", async context =>
    {
        using var text = new MemoryStream();
        await registry.CollectAndExportAsTextAsync(text, context.RequestAborted);
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        var bytes = text.GetBuffer().AsMemory(0, (int)text.Length);
        await ResponseBody.WriteAsync(context, aliases ? Encoding.UTF8.GetBytes(MetricsAliases.Append(Encoding.UTF8.GetString(bytes.Span))) : bytes);
    }).Open();
}
