using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace OnnxMoe.Serving.Http;

/// <summary>Writes answers at the pace at which the client takes them, and leaves a client that takes nothing.</summary>
internal static class ResponseBody
{
    /// <summary>Small enough that a slow client is seen to take one.</summary>
    private const int PieceBytes = 1 << 14;

    /// <summary>What the request's record says of a client that was left.</summary>
    public const string TooSlow = "client_too_slow";

    /// <summary>
    /// Writes and flushes. When the buffers on the way are full and the client takes nothing for <see cref="ServeOptions.SlowSeconds"/>, its
    /// connection is closed. (The web server's own limit is a mean rate: megabytes that lie in buffers would give a client hours.)
    /// </summary>
    /// <exception cref="OperationCanceledException">The client has left, or was left.</exception>
    public static async Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> bytes)
    {
        do
        {
            var piece = bytes[..Math.Min(PieceBytes, bytes.Length)];
            bytes = bytes[piece.Length..];
            var taken = context.Response.BodyWriter.WriteAsync(piece, context.RequestAborted);
            if (!taken.IsCompletedSuccessfully)
                await Wait(context, taken.AsTask());
        }
        while (bytes.Length > 0);
        context.RequestAborted.ThrowIfCancellationRequested();
    }

    private static async Task Wait(HttpContext context, Task taken)
    {
        try
        {
            await taken.WaitAsync(TimeSpan.FromSeconds(context.RequestServices.GetRequiredService<ServeOptions>().SlowSeconds));
        }
        catch (TimeoutException)
        {
            RequestRecord.Of(context).Error = TooSlow;
            context.Abort();
            throw new OperationCanceledException("The client takes nothing of its answer.");
        }
    }
}
