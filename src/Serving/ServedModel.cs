using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Experts;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Serving.Http.OpenAi;
using OnnxMoe.Serving.Http.OpenInference;
using OnnxMoe.Serving.Observability;
using OnnxMoe.Serving.Paging;
using OnnxMoe.Serving.Sessions;
using Prometheus;

namespace OnnxMoe.Serving;

/// <summary>
/// A model folder, checked, loaded and ready to answer: a language model when its manifest says so, and tensors in and out in any
/// case. A folder without a manifest serves tensors alone.
/// </summary>
public sealed class ServedModel : IDisposable
{
    private readonly LoadedModel _loaded;
    private readonly CausalModel? _causal;
    private readonly PreGateSession? _router;
    private readonly RoutingRecorder? _recorder;
    private readonly Scheduler? _scheduler;
    private readonly TrafficMetrics? _traffic;

    /// <param name="folder">The model folder.</param>
    /// <param name="options">Device, threads, slots and so on.</param>
    /// <param name="registry">Where the engine's metrics are collected.</param>
    /// <param name="log">For failures while running.</param>
    /// <exception cref="UserError">A file is missing, truncated or changed; the device is not there; the model is not what the manifest says.</exception>
    public ServedModel(string folder, ServeOptions options, CollectorRegistry registry, ILogger log)
    {
        var manifest = ReadManifest(folder, options, out var name);
        Name = name;
        var devices = LoadedModel.DevicesOf(options);
        var threshold = manifest is null ? null : ThresholdOf(manifest, options);
        _loaded = LoadedModel.Open(Name, folder, manifest, options, devices, threshold);
        try
        {
            Tensors = new TensorModel(Name, _loaded.Tensors, new InferenceMetrics(registry, Name, TensorModel.Version), options.Slots, options.QueueLimit);
            Placement = _loaded.Placement;
            if (Placement is not null)
            {
                _traffic = new TrafficMetrics(registry, Name, Placement);
                Placement.DeviceChanged += device => Log(log, device);
            }
            if (manifest?.LanguageModel is not { } sizes)
                return;
            var tokenizer = Tokenizer.Load(folder, sizes);
            var metrics = new EngineMetrics(registry, Name);
            _causal = _loaded.Causal!;
            if (_loaded.NotPaged is { } reason)
                EngineLog.NotPaged(log, Name, reason);
            if (manifest.RouterThreshold is not null && !_causal.TakesRouterThreshold)
                throw new UserError($"{ModelManifest.FileName} of {Name} has a threshold of its routers, but {options.File} has no optional input '{RouterThreshold.Input}'; export it again.");
            if (manifest.ActiveExperts is not null && !_causal.TakesActiveExperts)
                throw new UserError($"{ModelManifest.FileName} of {Name} lets callers choose the number of active experts, but {options.File} has no optional input '{ActiveExperts.Input}'; export it again.");
            RequireRouter(manifest, options, _causal.TakesExpertIds);
            _router = manifest.PreGate is { } gate
                ? new PreGateSession(SessionFactory.Open(Path.Combine(folder, gate.File), devices[0], options.Threads, null), gate, devices[0])
                : null;
            var meter = options.ExpertSlots > 0 ? new ExpertCacheMeter(new ExpertCache(options.ExpertSlots, EvictionPolicy.Of(options.ExpertPolicy)), metrics) : null;
            IStepOrder order = _router is null ? new RoundRobin() : new PreGatedOrder(_router, new ExpertAwareBatcher(sizes.ContextLength, options.MaxAge), meter);
            var load = new ExpertLoad(_causal.RoutedLayers, manifest.MoeLayers.ToDictionary(layer => layer.Layer, layer => layer.Experts));
            _recorder = RoutingRecorder.Create(folder, manifest, _causal.RoutedLayers, options, metrics, load, _router is null ? meter : null);
            _scheduler = new Scheduler(_causal, tokenizer, SchedulerOptionsOf(manifest, options), metrics, _recorder, order, log);
            Language = new LanguageModel(Name, manifest.Created, sizes, tokenizer, _scheduler, manifest.ChatTemplate ?? ChatTemplate.Default, options.MaxTokens)
            {
                ActiveExperts = manifest.ActiveExperts,
                Threshold = _causal.Threshold ?? manifest.RouterThreshold?.Default,
                TrainedThreshold = manifest.RouterThreshold?.Default,
                RoutedLayers = _causal.RoutedLayers,
                Fingerprint = "fp_" + Checksums.Sha256(Path.Combine(folder, ModelManifest.FileName))[..12],
                Metrics = new GenerationMetrics(registry, Name),
            };
            metrics.SetCache(_causal, 0);
            Activity = new ModelActivity(_scheduler, metrics, load, manifest.ChatTemplate is not null, options.Slots, options.QueueLimit);
            if (Language.Threshold is { } known)
                metrics.SetRouterThreshold(known);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The name that requests give.</summary>
    public string Name { get; } = "";

    /// <summary>The model as tensors in, tensors out.</summary>
    public TensorModel Tensors { get; } = null!;

    /// <summary>The model as a language model; null when it is none.</summary>
    public LanguageModel? Language { get; }

    /// <summary>What the engine of a language model is doing; null when it is none.</summary>
    internal ModelActivity? Activity { get; }

    /// <summary>Where its experts are, when it is on several devices.</summary>
    public ServedPlacement? Placement { get; }

    /// <summary>How many of its devices sequences are at home on.</summary>
    public int Homes => _causal is PagedSession paged ? paged.Pools.Count : 1;

    /// <summary>The execution provider that each device's sessions really got.</summary>
    public IReadOnlyList<string> Providers => _loaded.Providers;

    /// <summary>How a language model runs sequences (<see cref="CausalModel.Engine"/>), and if not on pages, why; null when it is none.</summary>
    public string? Engine => _causal is null ? null : _loaded.NotPaged is { } reason ? $"{_causal.Engine}, because {reason}" : _causal.Engine;

    /// <summary>Tokens that all caches together can hold, of a language model that runs on pages; null of others, whose caches grow as they need.</summary>
    public long? CacheTokens => _causal is PagedSession paged ? paged.Pools.Sum(pool => (long)pool.Pages * pool.PageSize) : null;

    /// <summary>What the caches of one sequence of a language model grow by for each token.</summary>
    public long CacheBytesPerToken => _causal?.CacheBytesPerToken ?? 0;

    /// <summary>Brings up to date what is counted elsewhere and collected on demand.</summary>
    public void CollectMetrics() => _traffic?.Collect();

    /// <summary>Generates a token, as a proof that the model works; of a model that is no language model, that it was loaded is all there is.</summary>
    public async Task TryAsync(CancellationToken cancellation)
    {
        if (Language is not { } language)
            return;
        var greedy = new SamplingSettings { Temperature = 0 };
        await foreach (var _ in language.Engine.Generate([new([language.Sizes.EndOfText], MaxTokens: 1, greedy)], cancellation))
        {
        }
    }

    public void Dispose()
    {
        CollectMetrics();
        _scheduler?.Dispose();
        Tensors?.Dispose();
        _recorder?.Dispose();
        _router?.Dispose();
        _loaded.Dispose();
    }

    /// <summary>Reads the manifest of a model folder and checks the files that serving reads.</summary>
    /// <returns>Null where there is none.</returns>
    /// <exception cref="UserError">There is no folder, or a file is missing, truncated or changed.</exception>
    internal static ModelManifest? ReadManifest(string folder, ServeOptions options, out string name)
    {
        if (!Directory.Exists(folder))
            throw new UserError($"There is no model folder {folder}; 'onnxmoe train' and 'onnxmoe export' make one.");
        var manifest = File.Exists(Path.Combine(folder, ModelManifest.FileName)) ? ModelManifest.Load(folder) : null;
        manifest?.Verify(folder, [.. FilesOf(manifest, options.File)]);
        name = manifest?.Name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        return manifest;
    }

    private void Log(ILogger log, ServedDevice device)
    {
        if (device.Failure is { } failure)
            EngineLog.DeviceFailed(log, Name, device.Number, device.Device.ToString(), failure);
        else
            EngineLog.DeviceRestarted(log, Name, device.Number, device.Device.ToString());
    }

    /// <summary>The listed files that serving reads: the ONNX file and the router's, their external data, the tokenizer.</summary>
    private static IEnumerable<string> FilesOf(ModelManifest manifest, string onnx)
    {
        string[] models = manifest.PreGate is { } gate ? [onnx, gate.File] : [onnx];
        return manifest.Files.Keys
            .Where(name => models.Any(model => name.StartsWith(model + ".", StringComparison.Ordinal)) || name == manifest.LanguageModel?.Tokenizer)
            .Concat(models);
    }

    /// <summary>Router, model and settings must agree on when experts are decided.</summary>
    private static void RequireRouter(ModelManifest manifest, ServeOptions options, bool takesExpertIds)
    {
        if (manifest.PreGate is null && takesExpertIds)
            throw new UserError($"{options.File} of {manifest.Name} needs '{PreGate.ExpertIds}', but {ModelManifest.FileName} names no router that gives them ('preGate').");
        if (manifest.PreGate is { } gate && !takesExpertIds)
            throw new UserError($"{ModelManifest.FileName} of {manifest.Name} names the router {gate.File}, but {options.File} has no input '{PreGate.ExpertIds}' to take what it decides; export it again.");
        if (manifest.PreGate is null && EvictionPolicy.Of(options.ExpertPolicy).NeedsFuture)
            throw new UserError($"Serve:ExpertPolicy is {options.ExpertPolicy}, but the layers of {manifest.Name} choose experts while they run, so the future it needs is not known; use lru.");
    }

    /// <summary>The threshold that the settings give the routers; null when they leave it to the model.</summary>
    private static double? ThresholdOf(ModelManifest manifest, ServeOptions options) =>
        options.RouterThreshold == 0 ? null
        : manifest.RouterThreshold is not null ? options.RouterThreshold
        : throw new UserError(FormattableString.Invariant(
            $"Serve:RouterThreshold is {options.RouterThreshold}, but the routers of {manifest.Name} select no experts by a threshold; leave the setting at 0."));

    private static SchedulerOptions SchedulerOptionsOf(ModelManifest manifest, ServeOptions options)
    {
        return new(options.Slots, options.QueueLimit)
        {
            BatchTokens = options.BatchTokens,
            PrefixReuse = options.PrefixReuse == "on",
            ActiveExperts = Checked(nameof(options.ActiveExperts), options.ActiveExperts) ?? manifest.ActiveExperts?.Default,
            BusyActiveExperts = Checked(nameof(options.BusyActiveExperts), options.BusyActiveExperts),
        };

        int? Checked(string setting, int number)
        {
            if (number == 0)
                return null;
            if (manifest.ActiveExperts is not { } offered)
                throw new UserError($"Serve:{setting} is {number}, but the number of active experts of {manifest.Name} cannot be chosen; leave the setting at 0.");
            return offered.Problem(number) is { } problem ? throw new UserError($"Serve:{setting} {problem}; 0 leaves it to the model.") : number;
        }
    }
}
