using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Serving.Sessions;

/// <summary>
/// Runs an exported causal language model step by step. It knows tensors and caches, nothing of requests or sampling. One call
/// at a time: callers take turns.
/// </summary>
public sealed class LanguageModelSession
{
    private static readonly string[] Inputs = [.. StepTensors.Names, PreGate.ExpertIds];
    private readonly IModelGraph _graph;
    private readonly CacheLayout _caches;

    /// <param name="session">The loaded model; the caller keeps and disposes it.</param>
    /// <param name="sizes">What the manifest says of it.</param>
    /// <param name="device">The device the session was opened on.</param>
    /// <exception cref="UserError">An input or output of the contract is missing.</exception>
    public LanguageModelSession(InferenceSession session, LanguageModelSizes sizes, Device device)
        : this(new WholeGraph(session, device), sizes)
    {
    }

    /// <param name="graph">The loaded model; the caller keeps and disposes it.</param>
    /// <param name="sizes">What the manifest says of it.</param>
    /// <exception cref="UserError">An input or output of the contract is missing.</exception>
    public LanguageModelSession(IModelGraph graph, LanguageModelSizes sizes)
    {
        (_graph, Sizes) = (graph, sizes);
        RoutedLayers = [.. graph.Outputs.Keys.Select(RoutingSite.OfIndices).OfType<RoutingSite>().Order()];
        foreach (var name in StepTensors.Names)
            Require(graph.Inputs.ContainsKey(name), $"no input '{name}'");
        Require(graph.Outputs.ContainsKey("logits"), "no output 'logits'");
        if (graph.Inputs.Keys.FirstOrDefault(name => !Inputs.Contains(name) && !CacheInput.Is(name)) is { } unknown)
            Require(false, $"the input '{unknown}', which serving cannot give it");
        _caches = new CacheLayout(graph, "The ONNX file");
        Require(_caches.Count > 0, $"no cache (an input '{CacheInput.Prefix}*')");
    }

    /// <summary>Vocabulary, context length, heads and so on.</summary>
    public LanguageModelSizes Sizes { get; }

    /// <summary>The layers that report their routing, and their iterations, in the order in which a token meets them.</summary>
    public IReadOnlyList<RoutingSite> RoutedLayers { get; }

    /// <summary>True when steps that are given together are faster than one after the other.</summary>
    public bool StepsTogether => _graph.RunsTogether;

    /// <summary>True when callers may say how many experts a token meets.</summary>
    public bool TakesActiveExperts => _graph.OptionalInputs.ContainsKey(ActiveExperts.Input);

    /// <summary>True when a threshold of the routers can be set.</summary>
    public bool TakesRouterThreshold => _graph.OptionalInputs.ContainsKey(RouterThreshold.Input);

    /// <summary>The threshold of the routers of a model that takes one; null takes its default.</summary>
    public double? Threshold { get; init; }

    /// <summary>True when the experts of each token are decided before the model runs.</summary>
    public bool TakesExpertIds => _graph.Inputs.ContainsKey(PreGate.ExpertIds);

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
    public ForwardResult Forward(ReadOnlySpan<long> tokens, KeyValueCache cache, bool routingWeights = false, int? activeExperts = null, long[]? expertIds = null) =>
        Forward([new(tokens.ToArray(), cache) { RoutingWeights = routingWeights, ActiveExperts = activeExperts, ExpertIds = expertIds }])[0].Value();

    /// <summary>Takes several steps, each with a cache of its own. What one computes does not depend on the others, and the failure of one is its own.</summary>
    public IReadOnlyList<StepResult> Forward(IReadOnlyList<ModelStep> steps)
    {
        var owned = new List<IDisposable>();
        try
        {
            var runs = steps.Select(step => RunOf(step, owned)).ToArray();
            var results = _graph.Run(runs);
            return [.. results.Select((result, i) => ResultOf(steps[i], result))];
        }
        finally
        {
            owned.ForEach(value => value.Dispose());
        }
    }

    private GraphRun RunOf(ModelStep step, List<IDisposable> owned)
    {
        var tensors = new StepTensors(step.Tokens, step.Cache);
        owned.Add(tensors);
        var inputs = tensors.InputsOf(_graph);
        _caches.AddInputs(inputs, step.Cache);
        if (step.ActiveExperts is { } number)
            Add(ActiveExperts.Input, OrtValue.CreateTensorValueFromMemory([(long)number], [1]));
        if (Threshold is { } threshold)
            Add(RouterThreshold.Input, OrtValue.CreateTensorValueFromMemory([(float)threshold], []));
        if (step.ExpertIds is { } experts)
            Add(PreGate.ExpertIds, OrtValue.CreateTensorValueFromMemory(experts, [step.Cache.Rows, tensors.Columns]));

        // The cache stays on the device; what sampling and statistics read comes to the host.
        return new(inputs,
        [
            ("logits", false), .. _caches.Outputs,
            .. RoutedLayers.Select(site => (site.IndicesOutput, false)),
            .. step.RoutingWeights ? RoutedLayers.Select(site => (site.WeightsOutput, false)) : [],
        ])
        {
            Request = step.Request,
        };

        void Add(string name, OrtValue value)
        {
            owned.Add(value);
            inputs[name] = value;
        }
    }

    private StepResult ResultOf(ModelStep step, GraphResult result)
    {
        if (result.Problem is { } problem)
            return new(null, problem);
        var (outputs, columns) = (result.Values, step.Tokens.Length / step.Cache.Rows);
        step.Cache.Advance(outputs[1..(1 + _caches.Count)], columns);
        var routing = outputs[(1 + _caches.Count)..];
        return new(new(outputs[0], routing[..RoutedLayers.Count], routing[RoutedLayers.Count..], columns, Sizes.VocabularySize), null);
    }

    private static void Require(bool rule, string broken)
    {
        if (!rule)
            throw new UserError($"The ONNX file has {broken}, so it is not the causal language model that {ModelManifest.FileName} describes; export it again.");
    }
}
