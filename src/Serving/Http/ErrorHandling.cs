using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Serving.Groups;
using OnnxMoe.Serving.Sessions;

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
                await Write(context, Translate(Unrouted(context), log, context));
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested || RequestRecord.Of(context).Error == ResponseBody.TooSlow)
        {
            RequestRecord.Of(context).Error ??= "client_left";
            if (!context.Response.HasStarted)
                context.Response.StatusCode = ClientClosedRequest;
        }
        catch (Exception problem) when (!context.Response.HasStarted)
        {
            await Write(context, Translate(problem, log, context));
        }
    });

    /// <summary>The error that the client sees; what is not the client's fault is logged, and described to it without details.</summary>
    public static ApiError Translate(Exception problem, ILogger log, HttpContext context)
    {
        var error = Explain(problem);
        if (error is null)
        {
            RequestLog.Failed(log, problem, context.TraceIdentifier);
            error = new(500, $"The server failed at this request; its log has the details under request id {context.TraceIdentifier}.", code: "internal_error");
        }
        RequestRecord.Of(context).Error = error.Code ?? ApiError.TypeOf(error.Status);
        return error;
    }

    /// <summary>The error for what is a client's fault or a state of the server; null for a failure of ours.</summary>
    private static ApiError? Explain(Exception problem)
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
            case NoDeviceException none:
                return new(503, none.Message, code: "no_device");
            case GroupBrokenException broken:
                return new(503, broken.Message, code: "group_broken");
            case BadHttpRequestException { StatusCode: 413 }:
                return new(413, "The request body is larger than this server accepts (Serve:MaxBody).", code: "body_too_large");
            case BadHttpRequestException bad:
                return new(bad.StatusCode, bad.Message);
            case OutOfMemoryException:
                return new(503, "The server has too little memory for this request now; send less, or try again later.", code: "out_of_memory");
            default:
                return null;
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
        context.Response.StatusCode = error.Status;
        if (error.RetryAfter is { } seconds)
            context.Response.Headers.RetryAfter = $"{seconds}";
        if (error.Status == 504)
            context.Response.Headers["x-should-retry"] = "false"; // OpenAI's clients repeat what failed with 5xx, and this would fail again
        if (error.Status == 401)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        var body = context.Request.Path.StartsWithSegments("/v2") ? new JsonObject { ["error"] = error.Message } : Body(error);
        return Json.Write(context.Response, body);
    }

    private static ApiError Unrouted(HttpContext context) => context.Response.StatusCode == 405
        ? new(405, $"{context.Request.Path} does not take {context.Request.Method}.")
        : new(404, $"There is nothing at {context.Request.Path}; GET / lists the endpoints.");
}
