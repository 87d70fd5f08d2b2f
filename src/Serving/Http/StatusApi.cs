using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace OnnxMoe.Serving.Http;

/// <summary>Health, version, and the page for people.</summary>
public static class StatusApi
{
    /// <summary>Adds <c>/health</c>, <c>/ping</c>, <c>/version</c> and <c>/</c>.</summary>
    public static void MapStatus(this IEndpointRouteBuilder routes, ServerState state)
    {
        var page = Page();
        foreach (var path in (string[])["/health", "/ping"])
            routes.MapGet(path, context =>
            {
                context.Response.StatusCode = state.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
                return Task.CompletedTask;
            });
        routes.MapGet("/version", context => Json.Write(context.Response, new JsonObject { ["version"] = ServerState.Version }));
        routes.MapGet("/", context =>
        {
            context.Response.ContentType = "text/html; charset=utf-8";
            return context.Response.Body.WriteAsync(page, context.RequestAborted).AsTask();
        });
    }

    private static byte[] Page()
    {
        using var stream = typeof(StatusApi).Assembly.GetManifestResourceStream("index.html")!;
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return memory.ToArray();
    }
}
