using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OnnxMoe.Serving.Hosting;

namespace OnnxMoe.Serving.Http;

/// <summary>What operators do to a running server: load the model again, and let it run dry before it is stopped.</summary>
public static class AdminApi
{
    /// <summary>Adds <c>POST /admin/reload</c> and <c>POST /admin/drain[?wait=SECONDS]</c>.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="slot">The served model.</param>
    /// <param name="state">Whether the server takes requests.</param>
    /// <param name="drainSeconds">How long a drain is waited for when the request does not say.</param>
    public static void MapAdmin(this IEndpointRouteBuilder routes, ModelSlot slot, ServerState state, double drainSeconds)
    {
        routes.MapPost("/admin/reload", async context =>
        {
            using var running = state.Enter();
            await slot.ReloadAsync(context.RequestAborted);
            await Json.Write(context.Response, new JsonObject { ["model"] = slot.Current.Name, ["version"] = slot.CurrentVersion });
        }).Admin();
        routes.MapPost("/admin/drain", async context =>
        {
            var wait = Wait(context.Request) ?? drainSeconds;
            var drained = await state.DrainAsync(TimeSpan.FromSeconds(wait), context.RequestAborted);
            await Json.Write(context.Response, new JsonObject { ["drained"] = drained, ["running"] = state.Running });
        }).Admin();
    }

    private static double? Wait(HttpRequest request) => request.Query["wait"] is not { Count: > 0 } text ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0 and <= 1e6 ? seconds
        : throw ApiError.BadRequest($"'wait' must be a number of seconds from 0 to 1000000, not '{text}'.", "wait");
}
