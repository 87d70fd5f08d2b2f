using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace OnnxMoe.Serving.Http.OpenInference;

/// <summary>The Open Inference Protocol, version 2 (REST).</summary>
public static class OpenInferenceApi
{
    /// <summary>Adds the routes.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="model">The served model.</param>
    /// <param name="state">Whether the server takes requests.</param>
    public static void MapOpenInference(this IEndpointRouteBuilder routes, TensorModel model, ServerState state)
    {
        routes.MapGet("/v2", context => Json.Write(context.Response, new JsonObject
        {
            ["name"] = "onnxmoe",
            ["version"] = ServerState.Version,
            ["extensions"] = new JsonArray(),
        }));
        routes.MapGet("/v2/health/live", context => Json.Write(context.Response, new JsonObject { ["live"] = true }));
        routes.MapGet("/v2/health/ready", context => WriteReady(context, new JsonObject { ["ready"] = state.IsReady }, state));
        foreach (var path in (string[])["/v2/models/{name}", "/v2/models/{name}/versions/{version}"])
        {
            routes.MapGet(path, context => Json.Write(context.Response, Checked(context, model).Describe()));
            routes.MapGet(path + "/ready", context => WriteReady(context, new JsonObject { ["name"] = Checked(context, model).Name, ["ready"] = state.IsReady }, state));
            routes.MapPost(path + "/infer", async context =>
            {
                Checked(context, model);
                using var running = state.Enter();
                var request = await Json.Read(context.Request);
                await Json.Write(context.Response, await Task.Run(() => model.Infer(request), context.RequestAborted));
            });
        }
    }

    private static Task WriteReady(HttpContext context, JsonObject body, ServerState state)
    {
        context.Response.StatusCode = state.IsReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return Json.Write(context.Response, body);
    }

    private static TensorModel Checked(HttpContext context, TensorModel model)
    {
        var (name, version) = (context.GetRouteValue("name") as string, context.GetRouteValue("version") as string ?? TensorModel.Version);
        if (name != model.Name)
            throw new ApiError(404, $"The model '{name}' is not served here; '{model.Name}' is.", "model", "model_not_found");
        if (version != TensorModel.Version)
            throw new ApiError(404, $"The model '{name}' has no version {version}; its one version is {TensorModel.Version}.", "version", "model_not_found");
        return model;
    }
}
