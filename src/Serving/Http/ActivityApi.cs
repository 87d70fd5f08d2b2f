using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Hosting;
using OnnxMoe.Serving.Observability;

namespace OnnxMoe.Serving.Http;

/// <summary>What the server is doing now, as the page shows it. Counts only ever grow, so a reader gets rates from two answers and the seconds between them.</summary>
internal static class ActivityApi
{
    /// <summary>Adds <c>/status</c>; with <c>?counts=false</c> it leaves out the tokens of each expert, which are most of it.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="slot">The model.</param>
    /// <param name="state">Whether the server takes requests.</param>
    public static void MapActivity(this IEndpointRouteBuilder routes, ModelSlot slot, ServerState state)
    {
        var start = TimeProvider.System.GetTimestamp();
        routes.MapGet("/status", context =>
        {
            context.Response.Headers.CacheControl = "no-store";
            return Json.Write(context.Response, Describe(slot.Current, state, TimeProvider.System.GetElapsedTime(start), Flag(context.Request, "counts")));
        }).Monitor();
    }

    private static bool Flag(HttpRequest request, string name) => request.Query[name].ToString() switch
    {
        "" or "true" => true,
        "false" => false,
        var other => throw ApiError.BadRequest($"'{name}' must be true or false, not '{other}'.", name),
    };

    private static JsonObject Describe(ServedModel model, ServerState state, TimeSpan age, bool counts)
    {
        var body = new JsonObject
        {
            ["model"] = model.Name,
            ["kind"] = model.Language is null ? "tensors" : "language",
            ["version"] = ServerState.Version,
            ["ready"] = state.IsReady,
            ["seconds"] = age.TotalSeconds,
            ["process"] = new JsonObject
            {
                ["cpu_seconds"] = Environment.CpuUsage.TotalTime.TotalSeconds,
                ["processors"] = Environment.ProcessorCount,
                ["memory_bytes"] = Environment.WorkingSet,
            },
        };
        if (model is { Language: { } language, Activity: { } activity })
        {
            body["engine"] = model.Engine;
            body["context_length"] = language.Sizes.ContextLength;
            body["chat_template"] = activity.HasChatTemplate;
            body["queue"] = Queue(activity);
            body["tokens"] = new JsonObject { ["prompt"] = activity.Metrics.PromptTokens, ["generated"] = activity.Metrics.GenerationTokens };
            body["cache"] = Cache(activity.Metrics);
            body["layers"] = Layers(activity.Experts, counts);
            body["balance"] = activity.Experts.Balance();
        }
        if (model.Placement is { } placement)
            body["devices"] = Devices(placement);
        return body;
    }

    private static JsonObject Queue(ModelActivity activity) => new()
    {
        ["running"] = activity.Engine.Running,
        ["waiting"] = activity.Engine.Waiting,
        ["slots"] = activity.Slots,
        ["limit"] = activity.QueueLimit,
    };

    private static JsonObject Cache(EngineMetrics metrics)
    {
        var cache = metrics.Cache!;
        return new()
        {
            ["tokens"] = cache.Tokens,
            ["bytes"] = cache.Bytes,
            ["preemptions"] = metrics.Preemptions,
            ["pages"] = cache.Pages is not { } pages ? null : new JsonObject
            {
                ["size"] = pages.PageSize,
                ["total"] = pages.Total,
                ["used"] = pages.Used,
                ["kept"] = pages.Kept,
                ["tokens_asked"] = pages.TokensAsked,
                ["tokens_reused"] = pages.TokensReused,
            },
        };
    }

    private static JsonArray Layers(ExpertLoad load, bool counts) => new([.. load.Sites.Select((site, i) =>
    {
        var tokens = load.Tokens(i);
        var layer = new JsonObject { ["layer"] = $"{site}", ["experts"] = tokens.Count };
        if (counts)
            layer["tokens"] = new JsonArray([.. tokens.Select(count => (JsonNode)count)]);
        return (JsonNode)layer;
    })]);

    private static JsonArray Devices(ServedPlacement placement) => new([.. placement.Devices.Select((device, number) =>
    {
        var (tokens, busy) = placement.Traffic.WorkOf(number);
        return (JsonNode)new JsonObject
        {
            ["device"] = device.Device.ToString(),
            ["experts"] = placement.Plan.Layers.Sum(layer => layer.Devices[number].Count),
            ["tokens"] = tokens,
            ["busy_seconds"] = busy.TotalSeconds,
        };
    })]);
}
