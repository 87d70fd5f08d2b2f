using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Http;
using OnnxMoe.Serving.Http.OpenAi;
using OnnxMoe.Serving.Http.OpenInference;
using Prometheus;

namespace OnnxMoe.Serving;

/// <summary>A model folder behind an HTTP endpoint: composition of model, routes and web server.</summary>
public sealed class ModelServer : IAsyncDisposable
{
    /// <summary>Longest wait for clients to take the end of their answers.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(3);

    private readonly WebApplication _app;
    private readonly ServedModel _model;
    private readonly ServerState _state;
    private bool _disposed;

    private ModelServer(WebApplication app, ServedModel model, ServerState state)
    {
        (_app, _model, _state) = (app, model, state);
        Address = new Uri(app.Urls.Single());
    }

    /// <summary>The address it listens on, with the port it got.</summary>
    public Uri Address { get; }

    /// <summary>The served model.</summary>
    public ServedModel Model => _model;

    /// <summary>Loads the model and starts to listen.</summary>
    /// <exception cref="UserError">The model cannot be loaded, or the address cannot be listened on.</exception>
    public static async Task<ModelServer> StartAsync(string folder, ServeOptions options)
    {
        var app = Build(options);
        ServedModel? model = null;
        try
        {
            var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("OnnxMoe.Serving");
            var registry = Metrics.NewCustomRegistry();
            var state = new ServerState();
            model = new ServedModel(folder, options, registry, log);
            app.UseRequestIds(log);
            app.UseErrors(log);
            app.UseApiKey(options.ApiKey);
            app.UseRouting();
            app.MapStatus(state);
            app.MapMetrics(registry);
            app.MapOpenInference(model.Tensors, state);
            if (model.Placement is { } placement)
                app.MapPlacement(placement, state, options.ApiKey.Length > 0);
            if (model.Language is { } language)
                app.MapOpenAi(language, state, log);
            await ListenAsync(app, options);
            return new ModelServer(app, model, state);
        }
        catch
        {
            model?.Dispose();
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Refuses new requests with 503, and waits for those that run until <paramref name="limit"/> is over.</summary>
    /// <returns>True when all were answered.</returns>
    public async Task<bool> DrainAsync(TimeSpan limit)
    {
        try
        {
            await _state.Close().WaitAsync(limit);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        _model.Dispose(); // requests that still run fail now, so the web server only has to send that
        using (var time = new CancellationTokenSource(StopLimit))
            await _app.StopAsync(time.Token);
        await _app.DisposeAsync();
    }

    private static WebApplication Build(ServeOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = (long)options.MaxBody << 20;
            kestrel.Listen(Parse(options.Host), options.Port);
        });
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        if (options.Log == "json")
            builder.Logging.AddJsonConsole(console => console.UseUtcTimestamp = true);
        else if (options.Log == "text")
            builder.Logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss "));
        return builder.Build();
    }

    private static async Task ListenAsync(WebApplication app, ServeOptions options)
    {
        try
        {
            await app.StartAsync();
        }
        catch (IOException problem) when (problem.InnerException is AddressInUseException)
        {
            throw new UserError($"Port {options.Port} of {options.Host} is in use by another program; choose another one with --Serve:Port, for example --Serve:Port={options.Port + 1}.", problem);
        }
        catch (Exception problem) when (problem is IOException or System.Net.Sockets.SocketException)
        {
            throw new UserError($"Cannot listen on port {options.Port} of {options.Host}: {problem.Message}", problem);
        }
    }

    private static IPAddress Parse(string host) => host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
        : IPAddress.TryParse(host, out var address) ? address
        : throw new UserError($"Serve:Host is '{host}', but it must be an IP address (127.0.0.1 for this machine alone, 0.0.0.0 for the network) or localhost.");
}
