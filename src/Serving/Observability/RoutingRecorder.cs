using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Observability;

/// <summary>Counts which experts the tokens meet and, for a sample of the requests, writes a routing trace.</summary>
/// <param name="layers">The MoE layers that the session reports, in its order.</param>
/// <param name="metrics">Where the counts go.</param>
/// <param name="trace">The trace; null records none.</param>
/// <param name="fraction">Fraction of the requests that go into the trace.</param>
/// <param name="meter">Is told which experts each layer uses; null where nobody asks, or the order of steps tells it more.</param>
public sealed class RoutingRecorder(IReadOnlyList<int> layers, EngineMetrics metrics, RoutingTraceWriter? trace, double fraction, ExpertCacheMeter? meter = null) : IDisposable
{
    /// <summary>A recorder for <paramref name="model"/>, which writes a trace when <paramref name="options"/> say so.</summary>
    /// <exception cref="UserError">A trace is wanted of a model that reports no routing.</exception>
    public static RoutingRecorder Create(string folder, ModelManifest model, IReadOnlyList<int> layers, ServeOptions options, EngineMetrics metrics, ExpertCacheMeter? meter)
    {
        if (options.Trace != "on")
            return new(layers, metrics, null, 0, meter);
        var traced = model.MoeLayers.Where(layer => layers.Contains(layer.Layer)).ToArray();
        if (traced.Length == 0 || traced.Length != layers.Count)
            throw new UserError($"Serve:Trace is on, but {model.Name} reports no routing to trace; use --Serve:Trace=off, or export a model with MoE layers.");
        var header = new RoutingTraceHeader(
            [.. traced.Select(layer => new TracedLayer(layer.Layer, layer.Experts, Slots(layer, model.ActiveExperts)))],
            model.Name,
            model.Files.GetValueOrDefault("weights.safetensors", ""));
        return new(layers, metrics, RoutingTraceWriter.OpenAppend(Path.Combine(folder, options.TraceFile), header), options.TraceFraction, meter);
    }

    /// <summary>True for the requests in the sample. Spread evenly: of any hundred in a row a fraction of 0.3 takes thirty.</summary>
    public bool Records(long request) => trace is not null && Math.Floor(request * fraction) > Math.Floor((request - 1) * fraction);

    /// <summary>Takes the routing of one step of one sequence.</summary>
    public void Add(long request, bool prefill, int tokens, ForwardResult result, bool traced)
    {
        for (var layer = 0; layer < layers.Count; layer++)
        {
            metrics.CountExperts(layers[layer], result.ExpertIndices(layer));
            meter?.Use(layer, layers.Count, result.ExpertIndices(layer));
        }
        if (!traced)
            return;
        var ids = new ReadOnlyMemory<long>[layers.Count];
        var weights = new ReadOnlyMemory<float>[layers.Count];
        for (var layer = 0; layer < layers.Count; layer++)
        {
            var slots = trace!.Header.Layers[layer].ExpertsPerToken;
            ids[layer] = Padded(result.ExpertIndices(layer), tokens, slots, -1);
            weights[layer] = Padded(result.ExpertWeights(layer), tokens, slots, 0f);
        }
        trace!.Append(request, prefill ? RoutingPhase.Prefill : RoutingPhase.Decode, tokens, ids, weights);
    }

    /// <summary>Slots that a token can fill; where callers choose how many, as many as they can choose.</summary>
    private static int Slots(MoeLayerSizes layer, ActiveExperts? active) =>
        active is null ? layer.ExpertsPerToken : Math.Max(layer.ExpertsPerToken, Math.Min(active.Most, layer.Experts));

    /// <summary>Rows of <paramref name="slots"/> values, those that a step did not fill being <paramref name="none"/>.</summary>
    private static T[] Padded<T>(ReadOnlySpan<T> values, int tokens, int slots, T none)
    {
        var filled = values.Length / tokens;
        if (filled >= slots)
            return values.ToArray();
        var rows = new T[tokens * slots];
        Array.Fill(rows, none);
        for (var token = 0; token < tokens; token++)
            values.Slice(token * filled, filled).CopyTo(rows.AsSpan(token * slots));
        return rows;
    }

    public void Dispose() => trace?.Dispose();
}
