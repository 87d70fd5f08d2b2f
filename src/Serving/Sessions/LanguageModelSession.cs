using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Serving.Sessions;

/// <summary>
/// Runs a causal language model as it was exported: each step has a run of its own, and each sequence a cache in one piece that is copied as it grows.
/// </summary>
public sealed class LanguageModelSession : CausalModel
{
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
    public LanguageModelSession(IModelGraph graph, LanguageModelSizes sizes) : base(graph, sizes, CacheInput.Is, graph.Outputs.Keys)
    {
        _caches = new CacheLayout(graph, "The ONNX file");
        Require(_caches.Count > 0, $"no cache (an input '{CacheInput.Prefix}*')");
    }

    /// <inheritdoc/>
    public override string Engine => "one by one";

    /// <inheritdoc/>
    public override bool StepsTogether => Graph.RunsTogether;

    /// <inheritdoc/>
    public override bool TakesPromptsInPieces => false;

    /// <inheritdoc/>
    public override long CacheBytesPerToken => _caches.BytesPerToken;

    /// <inheritdoc/>
    public override int MostTokens => Sizes.ContextLength;

    /// <inheritdoc/>
    public override SequenceCache NewSequence(long request) => _caches.New(1, Graph.HomeOf(request));

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

    /// <inheritdoc/>
    public override IReadOnlyList<StepResult> Forward(IReadOnlyList<ModelStep> steps)
    {
        var owned = new List<IDisposable>();
        IReadOnlyList<GraphResult> results = [];
        try
        {
            results = Graph.Run([.. steps.Select(step => RunOf(step, owned))]);
            return [.. results.Select((result, i) => ResultOf(steps[i], result))];
        }
        finally
        {
            DeviceException.Afterwards(results.Select(result => result.Problem), () => owned.ForEach(value => value.Dispose()));
        }
    }

    private GraphRun RunOf(ModelStep step, List<IDisposable> owned)
    {
        var cache = (KeyValueCache)step.Cache;
        var tensors = new StepTensors(step.Tokens, cache);
        owned.Add(tensors);
        var inputs = tensors.InputsOf(Graph);
        _caches.AddInputs(inputs, cache);
        if (step.ActiveExperts is { } number)
            Add(ActiveExperts.Input, OrtValue.CreateTensorValueFromMemory([(long)number], [1]));
        if (Threshold is { } threshold)
            Add(RouterThreshold.Input, OrtValue.CreateTensorValueFromMemory([(float)threshold], []));
        if (step.ExpertIds is { } experts)
            Add(PreGate.ExpertIds, OrtValue.CreateTensorValueFromMemory(experts, [cache.Rows, tensors.Columns]));

        // The cache stays on the device; what sampling and statistics read comes to the host.
        return new(inputs, [("logits", false), .. _caches.Outputs, .. RoutingOutputs(step.RoutingWeights)])
        {
            Request = step.Request,
            Home = cache.Home,
            ComputedBefore = step.Repeated > 0 ? [.. Enumerable.Range(0, step.Tokens.Length).Select(token => token % tensors.Columns < step.Repeated)] : null,
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
        {
            ((KeyValueCache)step.Cache).Failed(problem);
            return new(null, problem);
        }
        var (outputs, columns) = (result.Values, step.Tokens.Length / step.Cache.Rows);
        ((KeyValueCache)step.Cache).Advance(outputs[1..(1 + _caches.Count)], columns);
        return new(new(Outputs(outputs[0], outputs[(1 + _caches.Count)..], step.Tokens.Length), step.Tokens.Length, columns), null);
    }
}
