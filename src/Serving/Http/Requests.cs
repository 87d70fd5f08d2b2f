using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using OnnxMoe.Serving.Observability;

namespace OnnxMoe.Serving.Http;

/// <summary>Gives each request an id, the client's own where it sent one, returns it, counts the request, and logs one line under the id.</summary>
internal static class Requests
{
    public const string IdHeader = "X-Request-Id";

    private const int LongestId = 128;

    /// <summary>What monitors ask every few seconds is counted but not logged.</summary>
    private static readonly PathString[] Quiet = ["/health", "/ping", "/metrics", "/status", "/v2/health"];

    public static void UseRequests(this WebApplication app, HttpMetrics metrics, ServerState state, ILogger log) => app.Use(async (context, next) =>
    {
        var sent = context.Request.Headers[IdHeader].ToString();
        context.TraceIdentifier = IsPlain(sent) ? sent : Guid.NewGuid().ToString("N");
        var record = new RequestRecord { Id = context.TraceIdentifier, Method = context.Request.Method };
        context.Features.Set(record);
        context.Response.OnStarting(() =>
        {
            context.Response.Headers[IdHeader] = context.TraceIdentifier;
            // A stopping server tells the client, and the balancer before it, to connect to another one next time.
            if (!state.IsReady && HttpProtocol.IsHttp11(context.Request.Protocol))
                context.Response.Headers.Connection = "close";
            return Task.CompletedTask;
        });
        var start = TimeProvider.System.GetTimestamp();
        try
        {
            await next(context);
        }
        finally
        {
            record.Route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "unmatched";
            record.Status = context.Response.StatusCode;
            record.TotalSeconds = TimeProvider.System.GetElapsedTime(start).TotalSeconds;
            metrics.Answered(record.Route, record.Status);
            if (!Quiet.Any(quiet => context.Request.Path.StartsWithSegments(quiet)))
                log.Log(LogLevel.Information, RequestLog.Answered, record.Fields(), null, (_, _) => record.ToString());
        }
    });

    /// <summary>An id goes into a header and into the log, so only short printable ones are taken over.</summary>
    private static bool IsPlain(string id) => id.Length is > 0 and <= LongestId && id.All(c => c is > ' ' and < '\x7f');
}
