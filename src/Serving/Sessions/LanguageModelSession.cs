using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Serving.Sessions;

/// <summary>
/// Runs an exported causal language model step by step. It knows tensors and caches, nothing of requests or sampling. One step
/// at a time: callers take turns.
/// </summary>
public sealed class LanguageModelSession : IDisposable
{
    private static readonly string[] Inputs = [.. StepTensors.Names, PreGate.ExpertIds];
    private readonly InferenceSession _session;
    private readonly Device _device;
    private readonly RunOptions _run = new();
    private readonly CacheLayout _caches;

    /// <param name="session">The loaded model; the caller keeps and disposes it.</param>
    /// <param name="sizes">What the manifest says of it.</param>
    /// <param name="device">The device the session was opened on.</param>
    /// <exception cref="UserError">An input or output of the contract is missing.</exception>
    public LanguageModelSession(InferenceSession session, LanguageModelSizes sizes, Device device)
    {
        (_session, Sizes, _device) = (session, sizes, device);
        RoutedLayers = [.. session.OutputMetadata.Keys.Select(RoutingSite.OfIndices).OfType<RoutingSite>().Order()];
        foreach (var name in StepTensors.Names)
            Require(session.InputMetadata.ContainsKey(name), $"no input '{name}'");
        Require(session.OutputMetadata.ContainsKey("logits"), "no output 'logits'");
        if (session.InputMetadata.Keys.FirstOrDefault(name => !Inputs.Contains(name) && !CacheInput.Is(name)) is { } unknown)
            Require(false, $"the input '{unknown}', which serving cannot give it");
        _caches = new CacheLayout(session, "The ONNX file");
        Require(_caches.Count > 0, $"no cache (an input '{CacheInput.Prefix}*')");
    }

    /// <summary>Vocabulary, context length, heads and so on.</summary>
    public LanguageModelSizes Sizes { get; }

    /// <summary>The layers that report their routing, and their iterations, in the order in which a token meets them.</summary>
    public IReadOnlyList<RoutingSite> RoutedLayers { get; }

    /// <summary>True when callers may say how many experts a token meets.</summary>
    public bool TakesActiveExperts => _session.OverridableInitializerMetadata.ContainsKey(ActiveExperts.Input);

    /// <summary>True when a threshold of the routers can be set.</summary>
    public bool TakesRouterThreshold => _session.OverridableInitializerMetadata.ContainsKey(RouterThreshold.Input);

    /// <summary>The threshold of the routers of a model that takes one; null takes its default.</summary>
    public double? Threshold { get; init; }

    /// <summary>True when the experts of each token are decided before the model runs.</summary>
    public bool TakesExpertIds => _session.InputMetadata.ContainsKey(PreGate.ExpertIds);

    /// <summary>What the caches grow by for each token of one sequence.</summary>
    public long CacheBytesPerToken => _caches.BytesPerToken;

    /// <summary>A cache of sequences that have seen no token yet.</summary>
    public KeyValueCache NewCache(int rows) => _caches.New(rows);

    /// <summary>
    /// Feeds the next tokens of each sequence and advances <paramref name="cache"/> by them. When it throws, the cache is as before.
    /// </summary>
    /// <param name="tokens">Token ids [rows, columns], as many columns for each row (1 while decoding).</param>
    /// <param name="cache">What the sequences have seen so far.</param>
    /// <param name="routingWeights">Fetch the weights of the chosen experts too.</param>
    /// <param name="activeExperts">Experts a token, of a model that takes a number; null takes its default.</param>
    /// <param name="expertIds">The expert of each token [rows, columns], of a model that takes them.</param>
    public ForwardResult Forward(ReadOnlySpan<long> tokens, KeyValueCache cache, bool routingWeights = false, int? activeExperts = null, long[]? expertIds = null)
    {
        using var step = new StepTensors(tokens, cache);
        using var active = activeExperts is { } number ? OrtValue.CreateTensorValueFromMemory([(long)number], [1]) : null;
        using var threshold = Threshold is { } p ? OrtValue.CreateTensorValueFromMemory([(float)p], []) : null;
        using var experts = expertIds is not null ? OrtValue.CreateTensorValueFromMemory(expertIds, [cache.Rows, step.Columns]) : null;
        using var binding = _session.CreateIoBinding();
        step.Bind(binding, _session);
        if (experts is not null)
            binding.BindInput(PreGate.ExpertIds, experts);
        if (active is not null)
            binding.BindInput(ActiveExperts.Input, active);
        if (threshold is not null)
            binding.BindInput(RouterThreshold.Input, threshold);
        _caches.BindInputs(binding, cache);

        // The cache stays on the device; what sampling and statistics read comes to the host.
        binding.BindOutputToDevice("logits", OrtMemoryInfo.DefaultInstance);
        _caches.BindOutputs(binding, _device.Memory);
        foreach (var site in RoutedLayers)
            binding.BindOutputToDevice(site.IndicesOutput, OrtMemoryInfo.DefaultInstance);
        if (routingWeights)
            foreach (var site in RoutedLayers)
                binding.BindOutputToDevice(site.WeightsOutput, OrtMemoryInfo.DefaultInstance);
        _session.RunWithBinding(_run, binding);

        var outputs = binding.GetOutputValues().ToArray(); // in the order they were bound
        cache.Advance(outputs[1..(1 + _caches.Count)], step.Columns);
        var routing = outputs[(1 + _caches.Count)..];
        return new(outputs[0], routing[..RoutedLayers.Count], routing[RoutedLayers.Count..], step.Columns, Sizes.VocabularySize);
    }

    public void Dispose() => _run.Dispose();

    private static void Require(bool rule, string broken)
    {
        if (!rule)
            throw new UserError($"The ONNX file has {broken}, so it is not the causal language model that {ModelManifest.FileName} describes; export it again.");
    }
}
