using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http;

/// <summary>Counts the requests of clients, and refuses them while the server stops.</summary>
internal static class Draining
{
    public static void UseDraining(this WebApplication app, ServerState state) => app.Use(async (context, next) =>
    {
        if (context.GetEndpoint()?.Metadata is { } marks && (marks.GetMetadata<EndpointMarks.OpenMark>() is not null || marks.GetMetadata<EndpointMarks.AdminMark>() is not null))
        {
            await next(context);
            return;
        }
        using var running = state.Enter();
        await next(context);
    });
}
