using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace OnnxMoe.Serving.Http;

/// <summary>Asks for the configured key, except on the page and where a monitor looks.</summary>
internal static class ApiKeys
{
    private static readonly PathString[] Open = ["/health", "/ping", "/metrics", "/version", "/v2/health"];

    public static void UseApiKey(this WebApplication app, string key)
    {
        if (key.Length == 0)
            return;
        var expected = Encoding.UTF8.GetBytes($"Bearer {key}");
        app.Use((context, next) =>
        {
            var path = context.Request.Path;
            var sent = Encoding.UTF8.GetBytes(context.Request.Headers.Authorization.ToString());
            if (path != "/" && !Open.Any(open => path.StartsWithSegments(open)) && !CryptographicOperations.FixedTimeEquals(sent, expected))
                throw new ApiError(401, "This server asks for its key in the header 'Authorization: Bearer KEY'.", code: "invalid_api_key");
            return next(context);
        });
    }
}
