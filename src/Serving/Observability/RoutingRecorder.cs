using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Observability;

/// <summary>Counts which experts the tokens meet and, for a sample of the requests, writes a routing trace.</summary>
/// <param name="layers">The MoE layers that the session reports, in its order.</param>
/// <param name="metrics">Where the counts go.</param>
/// <param name="trace">The trace; null records none.</param>
/// <param name="fraction">Fraction of the requests that go into the trace.</param>
public sealed class RoutingRecorder(IReadOnlyList<int> layers, EngineMetrics metrics, RoutingTraceWriter? trace, double fraction) : IDisposable
{
    /// <summary>A recorder for <paramref name="model"/>, which writes a trace when <paramref name="options"/> say so.</summary>
    /// <exception cref="UserError">A trace is wanted of a model that reports no routing.</exception>
    public static RoutingRecorder Create(string folder, ModelManifest model, IReadOnlyList<int> layers, ServeOptions options, EngineMetrics metrics)
    {
        if (options.Trace != "on")
            return new(layers, metrics, null, 0);
        var traced = model.MoeLayers.Where(layer => layers.Contains(layer.Layer)).ToArray();
        if (traced.Length == 0 || traced.Length != layers.Count)
            throw new UserError($"Serve:Trace is on, but {model.Name} reports no routing to trace; use --Serve:Trace=off, or export a model with MoE layers.");
        var header = new RoutingTraceHeader(
            [.. traced.Select(layer => new TracedLayer(layer.Layer, layer.Experts, layer.ExpertsPerToken))],
            model.Name,
            model.Files.GetValueOrDefault("weights.safetensors", ""));
        return new(layers, metrics, RoutingTraceWriter.OpenAppend(Path.Combine(folder, options.TraceFile), header), options.TraceFraction);
    }

    /// <summary>True for the requests in the sample. Spread evenly: of any hundred in a row a fraction of 0.3 takes thirty.</summary>
    public bool Records(long request) => trace is not null && Math.Floor(request * fraction) > Math.Floor((request - 1) * fraction);

    /// <summary>Takes the routing of one step of one sequence.</summary>
    public void Add(long request, bool prefill, int tokens, ForwardResult result, bool traced)
    {
        for (var layer = 0; layer < layers.Count; layer++)
            metrics.CountExperts(layers[layer], result.ExpertIndices(layer));
        if (!traced)
            return;
        var ids = new ReadOnlyMemory<long>[layers.Count];
        var weights = new ReadOnlyMemory<float>[layers.Count];
        for (var layer = 0; layer < layers.Count; layer++)
        {
            ids[layer] = result.ExpertIndices(layer).ToArray();
            weights[layer] = result.ExpertWeights(layer).ToArray();
        }
        trace!.Append(request, prefill ? RoutingPhase.Prefill : RoutingPhase.Decode, tokens, ids, weights);
    }

    public void Dispose() => trace?.Dispose();
}
