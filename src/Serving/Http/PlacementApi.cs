using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Hosting;

namespace OnnxMoe.Serving.Http;

/// <summary>The placement of experts on several devices: what it is, and reading it again.</summary>
public static class PlacementApi
{
    /// <summary>Adds <c>/admin/placement</c>: GET tells, POST reads the plan's file again.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="slot">The served model.</param>
    /// <param name="state">Whether the server takes requests.</param>
    public static void MapPlacement(this IEndpointRouteBuilder routes, ModelSlot slot, ServerState state)
    {
        routes.MapGet("/admin/placement", async context =>
        {
            using var lease = slot.Acquire();
            await Json.Write(context.Response, Describe(PlacementOf(lease.Model)));
        }).Admin();
        routes.MapPost("/admin/placement", async context =>
        {
            using var running = state.Enter();
            using var lease = slot.Acquire();
            var placement = PlacementOf(lease.Model);
            await Task.Run(placement.Reload, context.RequestAborted);
            await Json.Write(context.Response, Describe(placement));
        }).Admin();
    }

    /// <summary>The placement of a model.</summary>
    /// <exception cref="ApiError">It is on one device.</exception>
    internal static ServedPlacement PlacementOf(ServedModel model) =>
        model.Placement ?? throw new ApiError(404, $"{model.Name} is on one device, so there is no placement; Serve:Devices gives it several.", code: "no_placement");

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
                ["device"] = device.Device.ToString(),
                ["up"] = device.IsUp,
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
