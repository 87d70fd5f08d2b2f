using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Observability;

/// <summary>Counts which experts the tokens meet and, for a sample of the requests, writes a routing trace.</summary>
/// <param name="sites">The MoE layers and iterations that the session reports, in its order.</param>
/// <param name="metrics">Where the counts go.</param>
/// <param name="trace">The trace; null records none.</param>
/// <param name="fraction">Fraction of the requests that go into the trace.</param>
/// <param name="load">Counts the experts for <c>/status</c>.</param>
/// <param name="meter">Is told which experts each layer uses; null where nobody asks, or the order of steps tells it more.</param>
public sealed class RoutingRecorder(IReadOnlyList<RoutingSite> sites, EngineMetrics metrics, RoutingTraceWriter? trace, double fraction, ExpertLoad load, ExpertCacheMeter? meter) : IDisposable
{
    private readonly int[] _layers = [.. sites.Select(site => site.Layer).Distinct()];

    /// <summary>A recorder for <paramref name="model"/>, which writes a trace when <paramref name="options"/> say so.</summary>
    /// <exception cref="UserError">A trace is wanted of a model that reports no routing.</exception>
    public static RoutingRecorder Create(string folder, ModelManifest model, IReadOnlyList<RoutingSite> sites, ServeOptions options, EngineMetrics metrics, ExpertLoad load, ExpertCacheMeter? meter)
    {
        if (options.Trace != "on")
            return new(sites, metrics, null, 0, load, meter);
        var traced = model.MoeLayers.SelectMany(layer => Enumerable.Range(0, layer.Iterations).Select(iteration =>
            new TracedLayer(layer.Layer, layer.Experts, Slots(layer, model.ActiveExperts)) { Iteration = iteration })).Where(layer => sites.Contains(layer.Site)).ToArray();
        if (traced.Length == 0 || traced.Length != sites.Count)
            throw new UserError($"Serve:Trace is on, but {model.Name} reports no routing to trace; use --Serve:Trace=off, or export a model with MoE layers.");
        var header = new RoutingTraceHeader(traced, model.Name, model.Files.GetValueOrDefault("weights.safetensors", ""));
        return new(sites, metrics, RoutingTraceWriter.OpenAppend(Path.Combine(folder, options.TraceFile), header), options.TraceFraction, load, meter);
    }

    /// <summary>True for the requests in the sample. Spread evenly: of any hundred in a row a fraction of 0.3 takes thirty.</summary>
    public bool Records(long request) => trace is not null && Math.Floor(request * fraction) > Math.Floor((request - 1) * fraction);

    /// <summary>Takes the routing of one step of one sequence. Tokens that are computed again count no second time, though a cache of experts would need these again.</summary>
    public void Add(long request, bool prefill, ModelStep step, ForwardResult result)
    {
        for (var site = 0; site < sites.Count; site++)
        {
            metrics.CountExperts(sites[site].Layer, New(step, result.ExpertIndices(site)));
            load.Add(site, New(step, result.ExpertIndices(site)));
            meter?.Use(Array.IndexOf(_layers, sites[site].Layer), _layers.Length, result.ExpertIndices(site)); // a slot serves all iterations
        }
        var tokens = step.Tokens.Length - step.Repeated;
        if (!step.RoutingWeights || tokens == 0)
            return;
        var ids = new ReadOnlyMemory<long>[sites.Count];
        var weights = new ReadOnlyMemory<float>[sites.Count];
        for (var site = 0; site < sites.Count; site++)
        {
            var slots = trace!.Header.Layers[site].ExpertsPerToken;
            ids[site] = Padded(New(step, result.ExpertIndices(site)), tokens, slots, -1);
            weights[site] = Padded(New(step, result.ExpertWeights(site)), tokens, slots, 0f);
        }
        trace!.Append(request, prefill ? RoutingPhase.Prefill : RoutingPhase.Decode, tokens, ids, weights);
    }

    /// <summary>The values of the tokens that were not computed before.</summary>
    private static ReadOnlySpan<T> New<T>(ModelStep step, ReadOnlySpan<T> values) => values[(values.Length / step.Tokens.Length * step.Repeated)..];

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
