using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Groups;
using OnnxMoe.Serving.Hosting;
using OnnxMoe.Serving.Http;
using OnnxMoe.Serving.Http.OpenAi;
using OnnxMoe.Serving.Http.OpenInference;
using OnnxMoe.Serving.Observability;
using Prometheus;

namespace OnnxMoe.Serving;

/// <summary>A model folder behind an HTTP endpoint: composition of model, routes and web server.</summary>
public sealed class ModelServer : IAsyncDisposable
{
    /// <summary>Longest wait for clients to take the end of their answers.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(3);

    private readonly WebApplication _app;
    private readonly ModelSlot _slot;
    private readonly ModelWatcher? _watcher;
    private readonly RateLimits _limits;
    private readonly ServerState _state;
    private bool _disposed;

    private ModelServer(WebApplication app, ModelSlot slot, ModelWatcher? watcher, RateLimits limits, ServerState state)
    {
        (_app, _slot, _watcher, _limits, _state) = (app, slot, watcher, limits, state);
        Address = new Uri(app.Urls.Single());
    }

    /// <summary>The address it listens on, with the port it got.</summary>
    public Uri Address { get; }

    /// <summary>The served model: the version that new requests get.</summary>
    public ServedModel Model => _slot.Current;

    /// <summary>Versions of the model in memory: more than one while requests still use one that was replaced.</summary>
    public int LoadedVersions => _slot.LoadedVersions;

    /// <summary>Loads the model and starts to listen.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="options">The settings.</param>
    /// <param name="logs">Gets the log lines too, whatever <see cref="ServeOptions.Log"/> says.</param>
    /// <exception cref="UserError">The model cannot be loaded, the address cannot be listened on, or a setting is wrong.</exception>
    public static async Task<ModelServer> StartAsync(string folder, ServeOptions options, ILoggerProvider? logs = null)
    {
        var app = Build(options, logs);
        ModelSlot? slot = null;
        RateLimits? limits = null;
        try
        {
            var log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("OnnxMoe.Serving");
            var registry = Metrics.NewCustomRegistry();
            var state = new ServerState();
            var keys = new ApiKeyRing(options, log);
            limits = new RateLimits(options.RateLimit);
            ServedModel Load() => new(folder, options, registry, log);
            slot = new ModelSlot(() => slot is not null && ServerGroup.Current is not null
                ? throw new UserError("A group of processes keeps its model until it ends; start it again.")
                : slot is not null && options.Trace == "on"
                ? throw new UserError("The routing trace is one version's alone, so a server that writes one (Serve:Trace) does not reload; start it again.")
                : ServerGroup.Current is { } group ? GroupStart.Load(group, Load, model => GroupReport.Of(folder, options, model.Placement!.Plan))! : Load(), log);
            state.AddCheck(() => slot.Current.Language?.Engine.Problem);
            state.AddCheck(() => slot.Current.Placement?.Problem);
            registry.AddBeforeCollectCallback(() => slot.Current.CollectMetrics());
            registry.AddBeforeCollectCallback(new ProcessMetrics(registry).Collect);
            app.UseRequests(new HttpMetrics(registry), state, log);
            app.UseErrors(log);
            app.UseRouting();
            app.UseApiKeys(keys);
            limits.Use(app);
            app.UseDraining(state);
            app.MapStatus(slot, state);
            app.MapActivity(slot, state);
            app.MapMetrics(registry, options.MetricsAliases);
            app.MapAdmin(slot, state, options.DrainSeconds);
            app.MapPlacement(slot, state);
            app.MapDevices(slot, state, options.FaultInjection == "on");
            app.MapOpenInference(slot, state);
            app.MapOpenAi(slot, limits, options, log);
            await ListenAsync(app, options);
            return new ModelServer(app, slot, options.WatchModel ? new ModelWatcher(slot, folder, options.File) : null, limits, state);
        }
        catch
        {
            if (slot is not null)
                await slot.DisposeAsync();
            limits?.Dispose();
            await app.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc cref="ServerState.DrainAsync"/>
    public Task<bool> DrainAsync(TimeSpan limit) => _state.DrainAsync(limit);

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (_watcher is not null)
            await _watcher.DisposeAsync();
        await _slot.DisposeAsync(); // requests that still run fail now, so the web server only has to send that
        using (var time = new CancellationTokenSource(StopLimit))
            await _app.StopAsync(time.Token);
        await _app.DisposeAsync();
        _limits.Dispose();
    }

    private static WebApplication Build(ServeOptions options, ILoggerProvider? logs)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddSingleton(options);
        builder.Services.AddRateLimiter(_ => { });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => KestrelSetup.Apply(kestrel, options));
        AddLogging(builder.Logging, options, logs);
        return builder.Build();
    }

    private static void AddLogging(ILoggingBuilder logging, ServeOptions options, ILoggerProvider? logs)
    {
        logging.AddFilter("Microsoft", LogLevel.Warning);
        if (logs is not null)
            logging.AddProvider(logs);
        if (options.Log == "json")
            logging.AddConsoleFormatter<JsonLineFormatter, ConsoleFormatterOptions>().AddConsole(console => console.FormatterName = JsonLineFormatter.FormatterName);
        else if (options.Log == "text")
            logging.AddSimpleConsole(console => (console.SingleLine, console.TimestampFormat) = (true, "HH:mm:ss "));
        // Whoever reads the log must not hold up the requests by reading slowly.
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite);
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
}
