using System.Net;
using System.Net.Security;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Hosting;

/// <summary>Address, limits and encryption of the web server.</summary>
internal static class KestrelSetup
{
    /// <summary>After so long without a word an HTTP/2 connection is asked whether it is still there.</summary>
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);

    /// <exception cref="UserError">The host is no address, or the certificate cannot be used.</exception>
    public static void Apply(KestrelServerOptions kestrel, ServeOptions options)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = (long)options.MaxBody << 20;
        limits.MaxConcurrentConnections = options.MaxConnections > 0 ? options.MaxConnections : null;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(options.HeaderSeconds);
        limits.MinRequestBodyDataRate = limits.MinResponseDataRate = options.MinDataRate > 0
            ? new(options.MinDataRate, TimeSpan.FromSeconds(options.SlowSeconds))
            : null;
        limits.Http2.KeepAlivePingDelay = PingDelay;
        kestrel.Listen(Parse(options.Host), options.Port, listen =>
        {
            if (options.Tls.Certificate.Length > 0)
                UseTls(listen, options);
            else if (options.Tls.Key.Length > 0)
                throw new UserError("Serve:Tls:Key is given without Serve:Tls:Certificate; give both, or neither.");
        });
    }

    /// <summary>TLS with the certificate as it is when a client connects; HTTP/2 where the client speaks it.</summary>
    private static void UseTls(ListenOptions listen, ServeOptions options)
    {
        var log = listen.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger("OnnxMoe.Serving");
        var context = Certificates.Watch(options.Tls, log);
        listen.Protocols = HttpProtocols.Http1AndHttp2;
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = TimeSpan.FromSeconds(options.HeaderSeconds), // the usual ten are few for a crowd that comes at once
            OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificateContext = context.Value }),
        });
    }

    private static IPAddress Parse(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
        : IPAddress.TryParse(host, out var address) ? address
        : throw new UserError($"Serve:Host is '{host}', but it must be an IP address (127.0.0.1 for this machine alone, 0.0.0.0 for the network) or localhost.");
}
