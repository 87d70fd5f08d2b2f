using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http;

/// <summary>Counts the requests of clients, and refuses them while the server stops.</summary>
internal static class Draining
{
    public static void UseDraining(this WebApplication app, ServerState state) => app.Use(async (context, next) =>
    {
        if (!EndpointMarks.IsForClients(context))
        {
            await next(context);
            return;
        }
        using var running = state.Enter();
        await next(context);
    });
}
