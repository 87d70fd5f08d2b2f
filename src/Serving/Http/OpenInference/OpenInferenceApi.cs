using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OnnxMoe.Serving.Hosting;

namespace OnnxMoe.Serving.Http.OpenInference;

/// <summary>The Open Inference Protocol, version 2 (REST).</summary>
public static class OpenInferenceApi
{
    private const string BinaryHeader = "Inference-Header-Content-Length";

    /// <summary>Adds the routes.</summary>
    /// <param name="routes">Where to.</param>
    /// <param name="slot">The served model.</param>
    /// <param name="state">Whether the server takes requests.</param>
    public static void MapOpenInference(this IEndpointRouteBuilder routes, ModelSlot slot, ServerState state)
    {
        routes.MapGet("/v2", context => Json.Write(context.Response, new JsonObject
        {
            ["name"] = "onnxmoe",
            ["version"] = ServerState.Version,
            ["extensions"] = new JsonArray(),
        }));
        routes.MapGet("/v2/health/live", context => Json.Write(context.Response, new JsonObject { ["live"] = true })).Open();
        routes.MapGet("/v2/health/ready", context => WriteReady(context, [], state)).Open();
        foreach (var path in (string[])["/v2/models/{name}", "/v2/models/{name}/versions/{version}"])
        {
            routes.MapGet(path, context => Json.Write(context.Response, Checked(context, slot.Current.Tensors).Describe()));
            routes.MapGet(path + "/ready", context => WriteReady(context, new JsonObject { ["name"] = Checked(context, slot.Current.Tensors).Name }, state));
            routes.MapPost(path + "/infer", async context =>
            {
                using var lease = slot.Acquire();
                var model = Checked(context, lease.Model.Tensors);
                RefuseBinary(context.Request);
                var request = await Json.Read(context.Request);
                await Json.Write(context.Response, await model.InferAsync(request, context.RequestAborted));
            });
        }
    }

    private static Task WriteReady(HttpContext context, JsonObject body, ServerState state)
    {
        var ready = state.Problems().Count == 0;
        body["ready"] = ready;
        context.Response.StatusCode = ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return Json.Write(context.Response, body);
    }

    private static void RefuseBinary(HttpRequest request)
    {
        if (request.Headers.ContainsKey(BinaryHeader))
            throw new ApiError(415, $"The header {BinaryHeader} announces tensors in binary form, an extension this server does not have; send them as JSON ('data').", BinaryHeader);
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
