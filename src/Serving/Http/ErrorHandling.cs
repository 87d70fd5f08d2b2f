using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http;

/// <summary>Turns every failure into one JSON answer: OpenAI's error shape, or the Open Inference Protocol's below /v2.</summary>
internal static class ErrorHandling
{
    /// <summary>Status that nobody receives: the client has gone.</summary>
    private const int ClientClosedRequest = 499;

    public static void UseErrors(this WebApplication app, ILogger log) => app.Use(async (context, next) =>
    {
        try
        {
            await next(context);
            if (!context.Response.HasStarted && context.Response.StatusCode is 404 or 405)
                await Write(context, Unrouted(context));
        }
        catch (Exception problem) when (context.RequestAborted.IsCancellationRequested)
        {
            RequestLog.Left(log, context.TraceIdentifier, problem.GetType().Name);
            if (!context.Response.HasStarted)
                context.Response.StatusCode = ClientClosedRequest;
        }
        catch (Exception problem) when (!context.Response.HasStarted)
        {
            await Write(context, Translate(problem, log, context.TraceIdentifier));
        }
    });

    /// <summary>The error that the client sees; what is not the client's fault is logged, and described to it without details.</summary>
    public static ApiError Translate(Exception problem, ILogger log, string request)
    {
        switch (problem)
        {
            case ApiError error:
                return error;
            case UserError error:
                return ApiError.BadRequest(error.Message);
            case EngineBusyException { Stopping: true } busy:
                return new(503, busy.Message, code: "shutting_down");
            case EngineBusyException busy:
                return new(429, busy.Message, code: "queue_full");
            case BadHttpRequestException { StatusCode: 413 }:
                return new(413, "The request body is larger than this server accepts (Serve:MaxBody).", code: "body_too_large");
            case BadHttpRequestException bad:
                return new(bad.StatusCode, bad.Message);
            default:
                RequestLog.Failed(log, problem, request);
                return new(500, $"The server failed at this request; its log has the details under request id {request}.", code: "internal_error");
        }
    }

    /// <summary>The JSON body of an error.</summary>
    public static JsonObject Body(ApiError error) => new()
    {
        ["error"] = new JsonObject
        {
            ["message"] = error.Message,
            ["type"] = ApiError.TypeOf(error.Status),
            ["param"] = error.Field,
            ["code"] = error.Code,
        },
    };

    private static Task Write(HttpContext context, ApiError error)
    {
        context.Response.Clear();
        context.Response.Headers[RequestIds.Header] = context.TraceIdentifier;
        context.Response.StatusCode = error.Status;
        if (error.Status is 429 or 503)
            context.Response.Headers.RetryAfter = "1";
        if (error.Status == 401)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        var body = context.Request.Path.StartsWithSegments("/v2") ? new JsonObject { ["error"] = error.Message } : Body(error);
        return Json.Write(context.Response, body);
    }

    private static ApiError Unrouted(HttpContext context) => context.Response.StatusCode == 405
        ? new(405, $"{context.Request.Path} does not take {context.Request.Method}.")
        : new(404, $"There is nothing at {context.Request.Path}; GET / lists the endpoints.");
}
