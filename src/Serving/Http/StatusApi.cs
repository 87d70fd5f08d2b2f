using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OnnxMoe.Serving.Hosting;

namespace OnnxMoe.Serving.Http;

/// <summary>Health, version, and the page for people.</summary>
public static class StatusApi
{
    /// <summary>
    /// Adds <c>/health</c>, <c>/health/ready</c> and <c>/ping</c> (whether requests should come here), <c>/health/live</c> (whether the
    /// process answers at all), <c>/version</c> and <c>/</c>.
    /// </summary>
    /// <param name="routes">Where to.</param>
    /// <param name="slot">The served model.</param>
    /// <param name="state">Whether the server takes requests.</param>
    public static void MapStatus(this IEndpointRouteBuilder routes, ModelSlot slot, ServerState state)
    {
        var page = new Page();
        foreach (var path in (string[])["/health", "/health/ready", "/ping"])
            routes.MapGet(path, context => WriteHealth(context.Response, slot, state)).Open();
        routes.MapGet("/health/live", context => Json.Write(context.Response, new JsonObject { ["status"] = "ok" })).Open();
        routes.MapGet("/version", context => Json.Write(context.Response, new JsonObject { ["version"] = ServerState.Version })).Open();
        routes.MapGet("/", page.Write).Open();
    }

    /// <summary>While some of several devices are left the server answers all the same, so that is no problem of requests.</summary>
    private static Task WriteHealth(HttpResponse response, ModelSlot slot, ServerState state)
    {
        var problems = state.Problems();
        var failed = (slot.Current.Placement?.Devices ?? []).Where(device => !device.IsUp).ToArray();
        var body = new JsonObject { ["status"] = problems.Count > 0 ? state.IsReady ? "failing" : "stopping" : failed.Length > 0 ? "degraded" : "ok" };
        if (failed.Length > 0)
            body["devices_failed"] = new JsonArray([.. failed.Select(device =>
                (JsonNode)new JsonObject { ["number"] = device.Number, ["device"] = device.Device.ToString(), ["failure"] = device.Failure })]);
        if (problems.Count > 0)
        {
            body["problems"] = new JsonArray([.. problems.Select(problem => (JsonNode)problem)]);
            response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
        return Json.Write(response, body);
    }
}
