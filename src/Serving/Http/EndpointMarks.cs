using Microsoft.AspNetCore.Builder;

namespace OnnxMoe.Serving.Http;

/// <summary>Who may use an endpoint; one without a mark is for clients, who need a key where there are keys and keep to the limits.</summary>
public static class EndpointMarks
{
    /// <summary>For monitors and people: no key, no limits, answered while the server stops.</summary>
    public static TBuilder Open<TBuilder>(this TBuilder endpoint) where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new OpenMark());

    /// <summary>For operators: with a key, or without keys from the server's own machine; no limits, answered while the server stops.</summary>
    public static TBuilder Admin<TBuilder>(this TBuilder endpoint) where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(new AdminMark());

    internal sealed class OpenMark;

    internal sealed class AdminMark;
}
