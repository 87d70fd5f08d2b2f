using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace OnnxMoe.Serving.Http;

/// <summary>Health, version, and the page for people.</summary>
public static class StatusApi
{
    /// <summary>
    /// Adds <c>/health</c>, <c>/health/ready</c> and <c>/ping</c> (whether requests should come here), <c>/health/live</c> (whether the
    /// process answers at all), <c>/version</c> and <c>/</c>.
    /// </summary>
    public static void MapStatus(this IEndpointRouteBuilder routes, ServerState state)
    {
        var page = new Page();
        foreach (var path in (string[])["/health", "/health/ready", "/ping"])
            routes.MapGet(path, context => WriteHealth(context.Response, state)).Open();
        routes.MapGet("/health/live", context => Json.Write(context.Response, new JsonObject { ["status"] = "ok" })).Open();
        routes.MapGet("/version", context => Json.Write(context.Response, new JsonObject { ["version"] = ServerState.Version })).Open();
        routes.MapGet("/", page.Write).Open();
    }

    private static Task WriteHealth(HttpResponse response, ServerState state)
    {
        var problems = state.Problems();
        var body = new JsonObject { ["status"] = problems.Count == 0 ? "ok" : state.IsReady ? "failing" : "stopping" };
        if (problems.Count > 0)
        {
            body["problems"] = new JsonArray([.. problems.Select(problem => (JsonNode)problem)]);
            response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
        return Json.Write(response, body);
    }
}
