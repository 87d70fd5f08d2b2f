using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace OnnxMoe.Serving.Http;

/// <summary>Gives each request an id, the client's own where it sent one, returns it, and logs one line under it.</summary>
internal static class RequestIds
{
    public const string Header = "X-Request-Id";

    private const int LongestId = 128;

    public static void UseRequestIds(this WebApplication app, ILogger log) => app.Use(async (context, next) =>
    {
        var sent = context.Request.Headers[Header].ToString();
        context.TraceIdentifier = IsPlain(sent) ? sent : Guid.NewGuid().ToString("N");
        context.Response.Headers[Header] = context.TraceIdentifier;
        var start = TimeProvider.System.GetTimestamp();
        await next(context);
        var path = context.Request.Path;
        if (!path.StartsWithSegments("/health") && !path.StartsWithSegments("/metrics"))
            RequestLog.Answered(log, context.TraceIdentifier, context.Request.Method, path, context.Response.StatusCode,
                TimeProvider.System.GetElapsedTime(start).TotalMilliseconds);
    });

    /// <summary>An id goes into a header and into the log, so only short printable ones are taken over.</summary>
    private static bool IsPlain(string id) => id.Length is > 0 and <= LongestId && id.All(c => c is > ' ' and < '\x7f');
}
