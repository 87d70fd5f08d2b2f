using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Serving.Sessions;

/// <summary>
/// An exported causal language model, run step by step. It knows tensors and caches, nothing of requests or sampling. One call at a time: callers take turns.
/// </summary>
public abstract class CausalModel
{
    private static readonly string[] StepInputs = [.. StepTensors.Names, PreGate.ExpertIds];

    /// <param name="graph">The loaded model; the caller keeps and disposes it.</param>
    /// <param name="sizes">What the manifest says of it.</param>
    /// <param name="isKnown">Which further inputs it may have.</param>
    /// <param name="outputs">The outputs of the file.</param>
    /// <exception cref="UserError">An input or output of the contract is missing.</exception>
    protected CausalModel(IModelGraph graph, LanguageModelSizes sizes, Func<string, bool> isKnown, IEnumerable<string> outputs)
    {
        (Graph, Sizes, RoutedLayers) = (graph, sizes, RoutingSite.AllOf(outputs));
        foreach (var name in StepTensors.Names)
            Require(graph.Inputs.ContainsKey(name), $"no input '{name}'");
        Require(graph.Outputs.ContainsKey("logits"), "no output 'logits'");
        if (graph.Inputs.Keys.FirstOrDefault(name => !StepInputs.Contains(name) && !isKnown(name)) is { } unknown)
            Require(false, $"the input '{unknown}', which serving cannot give it");
    }

    /// <summary>Vocabulary, context length, heads and so on.</summary>
    public LanguageModelSizes Sizes { get; }

    /// <summary>The layers that report their routing, and their iterations, in the order in which a token meets them.</summary>
    public IReadOnlyList<RoutingSite> RoutedLayers { get; }

    /// <summary>How it runs sequences: "native pages", "portable pages" or "one by one".</summary>
    public abstract string Engine { get; }

    /// <summary>True when steps that are given together are faster than one after the other.</summary>
    public abstract bool StepsTogether { get; }

    /// <summary>True when a prompt may be fed in pieces without any difference to its results.</summary>
    public abstract bool TakesPromptsInPieces { get; }

    /// <summary>True when callers may say how many experts a token meets.</summary>
    public bool TakesActiveExperts => Graph.OptionalInputs.ContainsKey(ActiveExperts.Input);

    /// <summary>True when a threshold of the routers can be set.</summary>
    public bool TakesRouterThreshold => Graph.OptionalInputs.ContainsKey(RouterThreshold.Input);

    /// <summary>The threshold of the routers of a model that takes one; null takes its default.</summary>
    public double? Threshold { get; init; }

    /// <summary>True when the experts of each token are decided before the model runs.</summary>
    public bool TakesExpertIds => Graph.Inputs.ContainsKey(PreGate.ExpertIds);

    /// <summary>What the caches grow by for each token of one sequence.</summary>
    public abstract long CacheBytesPerToken { get; }

    /// <summary>Tokens that the cache of one sequence can hold.</summary>
    public abstract int MostTokens { get; }

    /// <summary>Whether the caches of so many sequences can grow for a while.</summary>
    public virtual bool HasRoomFor(int sequences) => true;

    /// <summary>The loaded model.</summary>
    protected IModelGraph Graph { get; }

    /// <summary>A cache of a sequence that has seen no token yet.</summary>
    /// <param name="request">Number of the client's request.</param>
    public abstract SequenceCache NewSequence(long request);

    /// <summary>
    /// Takes several steps, each with a cache of its own that it advances by its tokens. What one computes does not depend on the others (on portable pages but
    /// for rounding), and the failure of one is its own, which leaves its cache as it was.
    /// </summary>
    public abstract IReadOnlyList<StepResult> Forward(IReadOnlyList<ModelStep> steps);

    /// <summary>The routing outputs to fetch.</summary>
    /// <param name="weights">Those of the weights too.</param>
    protected virtual IEnumerable<(string Name, bool Stays)> RoutingOutputs(bool weights) =>
        RoutedLayers.Select(site => (site.IndicesOutput, false)).Concat(weights ? RoutedLayers.Select(site => (site.WeightsOutput, false)) : []);

    /// <summary>What those outputs and the scores hold together.</summary>
    /// <param name="logits">The scores.</param>
    /// <param name="routing">The values of <see cref="RoutingOutputs"/>.</param>
    /// <param name="tokens">Tokens of the run.</param>
    private protected RunOutputs Outputs(Microsoft.ML.OnnxRuntime.OrtValue logits, Microsoft.ML.OnnxRuntime.OrtValue[] routing, int tokens)
    {
        var indices = RoutingOutputs(false).Count();
        return new(logits, routing.AsSpan(0, indices), routing.AsSpan(indices), RoutedLayers.Count, tokens, Sizes.VocabularySize);
    }

    /// <summary>Refuses a file that breaks a rule.</summary>
    protected static void Require(bool rule, string broken)
    {
        if (!rule)
            throw new UserError($"The ONNX file has {broken}, so it is not the causal language model that {ModelManifest.FileName} describes; export it again.");
    }
}
