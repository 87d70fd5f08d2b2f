using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http;

/// <summary>Who may use an endpoint; one without a mark is for clients, who need a key where there are keys and keep to the limits.</summary>
public static class EndpointMarks
{
    /// <summary>For monitors and people: no key, no limits, answered while the server stops.</summary>
    public static TBuilder Open<TBuilder>(this TBuilder endpoint) where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new OpenMark());

    /// <summary>For operators: with a key, or without keys from the server's own machine; no limits, answered while the server stops.</summary>
    public static TBuilder Admin<TBuilder>(this TBuilder endpoint) where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new AdminMark());

    /// <summary>For who watches the server: with a key where there are keys; no limits, answered while the server stops.</summary>
    public static TBuilder Monitor<TBuilder>(this TBuilder endpoint) where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new MonitorMark());

    /// <summary>True for a request to an endpoint without a mark.</summary>
    internal static bool IsForClients(HttpContext context) =>
        context.GetEndpoint()?.Metadata is not { } marks || marks.GetMetadata<OpenMark>() is null && marks.GetMetadata<AdminMark>() is null && marks.GetMetadata<MonitorMark>() is null;

    internal sealed class OpenMark;

    internal sealed class MonitorMark;

    internal sealed class AdminMark;
}
