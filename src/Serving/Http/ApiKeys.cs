using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http;

/// <summary>Asks for a key where there are keys, and notes who the client is.</summary>
internal static class ApiKeys
{
    private const string Scheme = "Bearer ";

    public static void UseApiKeys(this WebApplication app, ApiKeyRing keys) => app.Use((context, next) =>
    {
        var record = RequestRecord.Of(context);
        var marks = context.GetEndpoint()?.Metadata;
        record.Client = Address(context);
        if (marks?.GetMetadata<EndpointMarks.OpenMark>() is not null)
            return next(context);
        if (!keys.IsEmpty)
        {
            record.Client = Holder(context, keys) ?? throw new ApiError(401, "This server asks for a key in the header 'Authorization: Bearer KEY'.", code: "invalid_api_key");
            record.HasKey = true;
        }
        else if (marks?.GetMetadata<EndpointMarks.AdminMark>() is not null && !IsLocal(context))
        {
            throw new ApiError(403, "Without keys (Serve:ApiKey) this is answered to the server's own machine only.", code: "forbidden");
        }
        return next(context);
    });

    private static string? Holder(HttpContext context, ApiKeyRing keys)
    {
        var sent = context.Request.Headers.Authorization.ToString();
        return sent.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? keys.HolderOf(sent[Scheme.Length..].Trim()) : null;
    }

    private static bool IsLocal(HttpContext context) => context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address);

    private static string Address(HttpContext context) => context.Connection.RemoteIpAddress switch
    {
        null => "unknown",
        { IsIPv4MappedToIPv6: true } address => address.MapToIPv4().ToString(),
        var address => address.ToString(),
    };
}
