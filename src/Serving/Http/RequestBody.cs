using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;

namespace OnnxMoe.Serving.Http;

/// <summary>Reads the bodies of requests: of a type that can be JSON, in time, and few large ones at once.</summary>
internal static class RequestBody
{
    /// <summary>Bodies above this size wait for each other.</summary>
    private const int LargeBytes = 1 << 20;

    private const int FirstBytes = 1 << 14;

    /// <summary>
    /// What a parsed body takes is a multiple of its size, so the memory of all of them at once would have no bound worth the name.
    /// A place is kept until the answer is complete.
    /// </summary>
    private static readonly SemaphoreSlim LargePlaces = new(4);

    /// <summary>The types that are read as JSON: what says so, what says nothing, and what curl's -d and simple clients say without meaning it.</summary>
    private static readonly string[] Types = ["application/json", "text/json", "text/plain", "application/x-www-form-urlencoded"];

    /// <summary>The whole body, which is valid UTF-8.</summary>
    /// <exception cref="ApiError">Another type or encoding (415), too slow (408), invalid UTF-8 (400).</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpRequest request)
    {
        RequireJson(request);
        var seconds = request.HttpContext.RequestServices.GetRequiredService<ServeOptions>().BodySeconds;
        using var time = CancellationTokenSource.CreateLinkedTokenSource(request.HttpContext.RequestAborted);
        time.CancelAfter(TimeSpan.FromSeconds(seconds));
        try
        {
            var body = await ReadAll(request, time);
            if (body.Span.StartsWith("\uFEFF"u8))
                body = body[3..];
            return Utf8.IsValid(body.Span) ? body : throw ApiError.BadRequest("The request body is not valid UTF-8.", code: "invalid_json");
        }
        catch (OperationCanceledException) when (!request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            throw new ApiError(408, $"The request body did not arrive within {seconds} seconds (Serve:BodySeconds).", code: "body_too_slow");
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAll(HttpRequest request, CancellationTokenSource time)
    {
        // The announced length is a client's claim: memory is taken as bytes come.
        using var bytes = new MemoryStream((int)Math.Min(FirstBytes, request.ContentLength ?? FirstBytes));
        var isLarge = false;
        var piece = new byte[FirstBytes];
        while (await request.Body.ReadAsync(piece, time.Token) is > 0 and var count)
        {
            bytes.Write(piece, 0, count);
            if (isLarge || bytes.Length <= LargeBytes)
                continue;
            isLarge = true;
            await LargePlaces.WaitAsync(request.HttpContext.RequestAborted);
            request.HttpContext.Response.RegisterForDispose(new Place());
        }
        return bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
    }

    private static void RequireJson(HttpRequest request)
    {
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && !encoding.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase))
            throw Unsupported($"The content encoding '{encoding}' is not supported; send the JSON as it is.");
        if (string.IsNullOrEmpty(request.ContentType))
            return;
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !Types.Contains(type.MediaType.Value, StringComparer.OrdinalIgnoreCase) && !type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase))
            throw Unsupported($"The content type '{request.ContentType}' is not supported; send application/json.");
        if (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) && !type.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase))
            throw Unsupported($"The charset '{type.Charset}' is not supported; JSON is UTF-8.");

        static ApiError Unsupported(string message) => new(415, message, code: "unsupported_media_type");
    }

    private sealed class Place : IDisposable
    {
        public void Dispose() => LargePlaces.Release();
    }
}
