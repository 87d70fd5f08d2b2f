using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Groups;
using OnnxMoe.Serving.Paging;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving;

/// <summary>
/// The sessions of a model folder. A language model runs on pages, changed for that (<see cref="PagedModel"/>): with native kernels on one device or cut for
/// several, without them on one. Any other, and one that cannot be changed, runs as its file is.
/// </summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    private LoadedModel()
    {
    }

    /// <summary>The file as it is: tensors in, tensors out.</summary>
    public IModelGraph Tensors { get; private set; } = null!;

    /// <summary>The language model; null when it is none.</summary>
    public CausalModel? Causal { get; private set; }

    /// <summary>Where its experts are, when it is on several devices.</summary>
    public ServedPlacement? Placement { get; private set; }

    /// <summary>The execution provider that each device's sessions really got.</summary>
    public IReadOnlyList<string> Providers { get; private set; } = [];

    /// <summary>Why a language model does not run on pages; null when it does, or is none.</summary>
    public string? NotPaged { get; private set; }

    /// <summary>Opens the sessions.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="manifest">Null where there is none.</param>
    /// <param name="options">File, threads, kernels, size of the cache and so on.</param>
    /// <param name="devices">Where it runs.</param>
    /// <param name="threshold">Of its routers; null takes the model's.</param>
    /// <exception cref="UserError">A file is missing or damaged, or the model is not what the manifest says.</exception>
    public static LoadedModel Open(string name, string folder, ModelManifest? manifest, ServeOptions options, IReadOnlyList<Device> devices, double? threshold)
    {
        var loaded = new LoadedModel();
        try
        {
            var path = Path.Combine(folder, options.File);
            var kernels = KernelsFor(manifest, options, devices[0]);
            var paged = TryPage(path, manifest, options, devices.Count, kernels is not null, out var reason);
            loaded.NotPaged = reason;
            IModelGraph Whole() => new WholeGraph(SessionFactory.Open(path, devices[0], options.Threads, kernels), devices[0]);
            IModelGraph Later()
            {
                // By then an export may have replaced the file, which is another model until the server loads it.
                manifest!.Verify(folder, [.. manifest.Files.Keys.Where(file => file == options.File || file.StartsWith(options.File + ".", StringComparison.Ordinal))]);
                return Whole();
            }
            var tensors = loaded.Own(paged is null ? null : new LazyGraph(Later)); // few ask for it: it takes memory of its own
            var homes = 1;
            IModelGraph graph;
            if (devices.Count > 1)
            {
                var cut = loaded.Own(OpenCut(name, folder, manifest, options, devices, kernels, paged));
                graph = ServerGroup.Current is not { } group ? cut
                    : loaded.Own(new GroupGraph(group, cut, paged is null ? 0 : PagesOf(paged, manifest!, options, cut.Homes), paged?.Caches.Select(cache => cache.Name).ToHashSet() ?? []));
                (homes, loaded.Placement) = (cut.Homes, new ServedPlacement(cut, () => ReadPlan(name, folder, manifest, options, cut.File, devices.Count)));
            }
            else
            {
                graph = loaded.Own(paged is null ? Whole() : PagedEngine.Open(paged, path, devices[0], options.Threads, kernels))!;
            }
            loaded.Tensors = tensors ?? graph;
            loaded.Providers = graph.Providers;
            if (manifest?.LanguageModel is not { } sizes)
                return loaded;
            loaded.Causal = paged is null
                ? new LanguageModelSession(graph, sizes) { Threshold = threshold }
                : loaded.Own(new PagedSession(graph, paged, sizes, homes, PagesOf(paged, manifest, options, homes)) { Threshold = threshold });
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var session in Enumerable.Reverse(_owned))
            session.Dispose();
    }

    private T Own<T>(T owned)
    {
        if (owned is IDisposable disposable)
            _owned.Add(disposable);
        return owned;
    }

    /// <summary>Pages of each home.</summary>
    private static int PagesOf(PagedModel paged, ModelManifest manifest, ServeOptions options, int homes) => PagedEngine.PagesOf(paged, manifest.LanguageModel!, options) / homes;

    /// <summary>A language model, changed to run on pages; null for any other, with the reason where there is one.</summary>
    /// <exception cref="UserError">A setting of the pages is given to a model that does not run on them.</exception>
    private static PagedModel? TryPage(string path, ModelManifest? manifest, ServeOptions options, int devices, bool native, out string? reason)
    {
        reason = null;
        if (manifest?.LanguageModel is null)
            return null;
        var rounded = manifest.Exports.Any(export => export.File == options.File && export.Precision != "fp32");
        var half = options.CachePrecision == "fp16" || (options.CachePrecision == "auto" && rounded);
        if (options.Pages == "off" && (options.CacheSize > 0 || options.CachePrecision == "fp16"))
            throw new UserError($"Serve:{(options.CacheSize > 0 ? $"CacheSize is {options.CacheSize}" : "CachePrecision is fp16")}, but Serve:Pages is off, and caches in one piece have no such setting; leave one of the two out.");
        if (options.Pages == "off" || (devices > 1 && !native))
        {
            reason = options.Pages == "off" ? "Serve:Pages is off" : "on several devices only the native kernels can";
            return null;
        }
        return PagedEngine.TryChange(path, native, half ? ElementType.Float16 : ElementType.Float, out reason);
    }

    private static CutGraph OpenCut(string name, string folder, ModelManifest? manifest, ServeOptions options, IReadOnlyList<Device> devices, string? kernels, PagedModel? paged)
    {
        var file = FileOf(folder, options, devices, kernels, paged);
        var limit = options.DeviceTimeout > 0 ? TimeSpan.FromSeconds(options.DeviceTimeout) : Timeout.InfiniteTimeSpan;
        var plan = ReadPlan(name, folder, manifest, options, file, devices.Count);
        if (ServerGroup.Current is not { } group)
            return new CutGraph(file, plan, devices, limit);
        group.Limit = limit;
        // Caches in one piece cannot be kept by another process, so that then rank 0 is home to all.
        return new CutGraph(file, plan, devices, Timeout.InfiniteTimeSpan, group, paged is null ? 1 : null);
    }

    private static CutFile FileOf(string folder, ServeOptions options, IReadOnlyList<Device> devices, string? kernels, PagedModel? paged)
    {
        // Parts of one processor share its threads; a GPU's sessions have their own, and so have those of a rank.
        var threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        return new(Path.Combine(folder, options.File), devices[0].CudaId is null && ServerGroup.Current is null ? Math.Max(1, threads / devices.Count) : options.Threads, kernels, paged?.Model);
    }

    /// <summary>Loads what a rank of a group other than 0 has.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="options">File, threads, kernels and so on.</param>
    /// <param name="group">The group.</param>
    /// <exception cref="UserError">A file is missing or damaged, or the plan does not fit.</exception>
    public static GroupMember OpenMember(string folder, ServeOptions options, ServerGroup group)
    {
        var manifest = ServedModel.ReadManifest(folder, options, out var name);
        var devices = DevicesOf(options);
        var kernels = KernelsFor(manifest, options, devices[0]);
        var paged = TryPage(Path.Combine(folder, options.File), manifest, options, devices.Count, kernels is not null, out _);
        return new GroupMember(group, OpenCut(name, folder, manifest, options, devices, kernels, paged), paged);
    }

    /// <summary>The devices of a server. In a group each rank has one, of several GPUs of a host that with its number on the host.</summary>
    /// <exception cref="UserError">One GPU is named, though several are wanted; or so many devices that are not the ranks.</exception>
    public static IReadOnlyList<Device> DevicesOf(ServeOptions options)
    {
        if (ServerGroup.Current is not { } group)
            return Device.Several(options.Device, options.Devices);
        if (options.Devices != 1 && options.Devices != group.Size)
            throw new UserError($"Serve:Devices is {options.Devices}, but the group has {group.Size} ranks, each of which is a device; leave the setting out, or start as many with mpirun -np {options.Devices}.");
        var device = Device.Parse(options.Device);
        if (device.CudaId is not null && !options.Device.Contains(':') && int.TryParse(Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_LOCAL_RANK"), out var local))
            device = new(local);
        return [.. Enumerable.Repeat(device, group.Size)];
    }

    private static PlacementPlan ReadPlan(string name, string folder, ModelManifest? manifest, ServeOptions options, CutFile file, int devices) =>
        ServedPlacement.Read(Path.Combine(folder, options.Placement), name, manifest?.Files.GetValueOrDefault("weights.safetensors") ?? "", file.Layers, devices);

    /// <summary>The native kernels, for a file that was exported for them. They are the processor's.</summary>
    private static string? KernelsFor(ModelManifest? manifest, ServeOptions options, Device device) =>
        options.Kernels == "on" && device.CudaId is null && manifest is not null && manifest.Exports.Any(export => export.File == options.File && export.Target == "onnxmoe")
            ? KernelLibrary.Locate()
            : null;
}
