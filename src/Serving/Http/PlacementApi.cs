using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OnnxMoe.Serving.ExpertParallel;

namespace OnnxMoe.Serving.Http;

/// <summary>The placement of experts on several devices: what it is, and reading it again. For those who have the key; without one, for this machine.</summary>
public static class PlacementApi
{
    /// <summary>Adds <c>/admin/placement</c>: GET tells, POST reads the plan's file again.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="placement">The placement.</param>
    /// <param name="state">Whether the server takes requests.</param>
    /// <param name="hasKey">Whether the server asks for a key.</param>
    public static void MapPlacement(this IEndpointRouteBuilder routes, ServedPlacement placement, ServerState state, bool hasKey)
    {
        routes.MapGet("/admin/placement", context => Json.Write(Allowed(context, hasKey).Response, Describe(placement)));
        routes.MapPost("/admin/placement", async context =>
        {
            Allowed(context, hasKey);
            using var running = state.Enter();
            await Task.Run(placement.Reload, context.RequestAborted);
            await Json.Write(context.Response, Describe(placement));
        });
    }

    private static HttpContext Allowed(HttpContext context, bool hasKey) =>
        hasKey || context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address) ? context
            : throw new ApiError(403, "Without a key (Serve:ApiKey) this is answered to the server's own machine only.", code: "forbidden");

    private static JsonObject Describe(ServedPlacement placement)
    {
        var plan = placement.Plan;
        return new()
        {
            ["plan"] = new JsonObject
            {
                ["solver"] = plan.Solver,
                ["model"] = plan.Source.Model,
                ["trace"] = plan.Source.Trace,
                ["cluster"] = plan.Source.Cluster,
            },
            ["replaced"] = placement.Replacements,
            ["devices"] = new JsonArray([.. placement.Devices.Select((device, number) => (JsonNode)new JsonObject
            {
                ["device"] = device.ToString(),
                ["node"] = plan.Devices[number].Node,
                ["experts"] = new JsonObject(plan.Layers.Select(layer =>
                    KeyValuePair.Create<string, JsonNode?>($"{layer.Layer}", new JsonArray([.. layer.Devices[number].Select(expert => (JsonNode)expert)])))),
            })]),
            ["tokens_sent"] = new JsonObject(placement.Traffic.Read().Select(layer =>
                KeyValuePair.Create<string, JsonNode?>($"{layer.Layer}", Rows(layer.Tokens)))),
        };
    }

    /// <summary>[from][to]</summary>
    private static JsonArray Rows(long[,] tokens) => new([.. Enumerable.Range(0, tokens.GetLength(0)).Select(from =>
        (JsonNode)new JsonArray([.. Enumerable.Range(0, tokens.GetLength(1)).Select(to => (JsonNode)tokens[from, to])]))]);
}
