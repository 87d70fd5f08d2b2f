using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Hosting;

namespace OnnxMoe.Serving.Http;

/// <summary>The devices of a server: which have failed, and using one again.</summary>
public static class DevicesApi
{
    /// <summary>Adds <c>GET /admin/devices</c>, <c>POST /admin/devices/N/restart</c>, and for drills <c>.../fail</c> and <c>.../hang</c>.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="slot">The served model.</param>
    /// <param name="state">Whether the server takes requests.</param>
    /// <param name="drills">Whether devices may be made to fail.</param>
    public static void MapDevices(this IEndpointRouteBuilder routes, ModelSlot slot, ServerState state, bool drills)
    {
        routes.MapGet("/admin/devices", async context =>
        {
            using var lease = slot.Acquire();
            await Json.Write(context.Response, Describe(PlacementApi.PlacementOf(lease.Model)));
        }).Admin();
        Post("restart", (placement, device, _) => placement.Restart(device));
        if (!drills)
            return;
        Post("fail", (placement, device, after) => placement.Faults.Fail(device, after));
        Post("hang", (placement, device, after) => placement.Faults.Hang(device, after));

        void Post(string verb, Action<ServedPlacement, int, int> act) => routes.MapPost($"/admin/devices/{{number}}/{verb}", async context =>
        {
            using var running = state.Enter();
            using var lease = slot.Acquire();
            var placement = PlacementApi.PlacementOf(lease.Model);
            var device = Number("The number of the device", (string)context.Request.RouteValues["number"]!, placement.Devices.Count - 1);
            var after = context.Request.Query["after"] is [{ } text, ..] ? Number("'after'", text, int.MaxValue) : 0;
            await Task.Run(() => act(placement, device, after));
            await Json.Write(context.Response, Describe(placement));
        }).Admin();
    }

    /// <summary>The devices, in the plan's order.</summary>
    private static JsonObject Describe(ServedPlacement placement) => new()
    {
        ["devices"] = new JsonArray([.. placement.Devices.Select(device =>
        {
            var fields = new JsonObject { ["number"] = device.Number, ["device"] = device.Device.ToString(), ["up"] = device.IsUp, ["failures"] = device.Failures };
            if (device.Failure is { } failure)
                fields["failure"] = failure;
            return (JsonNode)fields;
        })]),
    };

    private static int Number(string what, string text, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most ? number
            : throw ApiError.BadRequest($"{what} is '{text}', but it must be a whole number from 0 to {most}.");
}
