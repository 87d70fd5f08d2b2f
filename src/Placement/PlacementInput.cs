using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Simulation;
using OnnxMoe.Placement.Statistics;

namespace OnnxMoe.Placement;

/// <summary>Everything a run reads: trace or expert counts, the model's sizes, the cluster.</summary>
public sealed class PlacementInput
{
    readonly ExpertCounts? _counts;

    PlacementInput(Cluster cluster, ModelManifest? manifest, string tracePath, PlaceOptions options)
    {
        (Cluster, Manifest) = (cluster, manifest);
        if (options.Synthetic != "")
            Trace = SyntheticRouting.Draw(SyntheticRouting.Shape(options.Synthetic), options.SyntheticTokens, options.Seed);
        else if (ExpertCounts.IsCountsFile(tracePath))
            _counts = ExpertCounts.Load(tracePath, options.Experts);
        else
            Trace = RoutingTrace.Load(tracePath, options.Experts);
        All = Tokens(options);
        Fit = Trace is null ? All : TokenSplit.Blocks(All, options.BlockTokens).Fit;
        Test = Trace is null ? [] : TokenSplit.Blocks(All, options.BlockTokens).Test;
        var statistics = Statistics(All);
        CheckLayers(statistics, tracePath);
        Sizes = SizesOf(statistics.Layers, options);
        Source = new PlacementSource(
            manifest?.Name ?? Trace?.Header.Model ?? _counts!.Name,
            manifest?.Files.GetValueOrDefault("weights.safetensors") ?? Trace?.Header.ModelHash ?? "",
            options.Synthetic != "" ? Trace!.Header.Model : Path.GetFileName(tracePath), options.Synthetic != "" ? "" : Checksums.Sha256(tracePath), All.Length, cluster.Name);
    }

    /// <summary>The GPUs.</summary>
    public Cluster Cluster { get; }

    /// <summary>The model, or null when planning from a trace alone.</summary>
    public ModelManifest? Manifest { get; }

    /// <summary>The trace, or null for expert counts.</summary>
    public RoutingTrace? Trace { get; }

    /// <summary>Bytes and operations.</summary>
    public ModelSizes Sizes { get; }

    /// <summary>What the plan will say it was made from.</summary>
    public PlacementSource Source { get; }

    /// <summary>Numbers of all tokens of the wanted phase.</summary>
    public int[] All { get; }

    /// <summary>Tokens to fit plans on when they are compared.</summary>
    public int[] Fit { get; }

    /// <summary>Held-out tokens; none for expert counts.</summary>
    public int[] Test { get; }

    /// <summary>Reads what the options and the model folder name.</summary>
    public static PlacementInput Read(string modelFolder, PlaceOptions options)
    {
        if (options.Synthetic != "" && options.Trace != "")
            throw new UserError($"Place:Trace and Place:Synthetic are both given; plan from the trace '{options.Trace}' or from one that is drawn.");
        var given = options.Trace != "" || options.Synthetic != "";
        var manifest = given && !File.Exists(Path.Combine(modelFolder, ModelManifest.FileName)) ? null : ModelManifest.Load(modelFolder);
        var cluster = Cluster.Load(options.Cluster, options.Nodes);
        return new PlacementInput(cluster, manifest, options.Trace != "" ? options.Trace : Path.Combine(modelFolder, "trace.bin"), options);
    }

    /// <summary>The problem as the given tokens show it.</summary>
    public PlacementProblem Problem(int[] tokens) => new(Statistics(tokens), Cluster, Sizes) { Trace = Trace, Tokens = tokens };

    RoutingStatistics Statistics(int[] tokens) => Trace is null ? RoutingStatistics.Of(_counts!) : RoutingStatistics.Of(Trace, tokens);

    int[] Tokens(PlaceOptions options)
    {
        if (Trace is null)
            return [];
        var phase = options.Phase == "all" ? (RoutingPhase?)null : Enum.Parse<RoutingPhase>(options.Phase, ignoreCase: true);
        var tokens = TokenSplit.OfPhase(Trace, phase);
        return tokens.Length > 0 ? tokens
            : throw new UserError($"The routing trace has no tokens{(phase is null ? "" : $" of the phase {options.Phase} (it has {Trace.Tokens} of others)")}; record some first.");
    }

    void CheckLayers(RoutingStatistics statistics, string tracePath)
    {
        if (Manifest is null)
            return;
        var traced = statistics.Layers;
        var model = Manifest.MoeLayers.Select(l => (l.Layer, l.Experts)).ToList();
        if (!traced.Select(l => (l.Layer, l.Experts)).SequenceEqual(model))
            throw new UserError($"The trace '{tracePath}' has {traced.Count} routed layers of {string.Join("/", traced.Select(l => l.Experts).Distinct())} experts, but the model '{Manifest.Name}' has {model.Count} of {string.Join("/", model.Select(l => l.Experts).Distinct())}; record a trace of this model.");
        var iterations = Trace is null ? [] : statistics.LayerOfSite.CountBy(layer => layer).Select(layer => layer.Value).ToList();
        if (Trace is not null && !iterations.SequenceEqual(Manifest.MoeLayers.Select(l => l.Iterations)))
            throw new UserError($"The trace '{tracePath}' has {string.Join("/", iterations.Distinct())} iterations of its routed layers, but those of the model '{Manifest.Name}' make {string.Join("/", Manifest.MoeLayers.Select(l => l.Iterations).Distinct())}; record a trace of this model.");
    }

    ModelSizes SizesOf(IReadOnlyList<TracedLayer> layers, PlaceOptions options)
    {
        if (Manifest is not { } model)
            return Given(layers, options);
        var bytes = model.MoeLayers.Select(l => l.ExpertBytes).ToArray();
        // What is not a routed expert (shared experts among it) is on every GPU; weights count 4 bytes, as in the fp32 file.
        var routed = model.MoeLayers.Sum(l => l.Experts * l.ExpertBytes);
        var token = options.TokenBytes > 0 ? options.TokenBytes : 4L * (model.LanguageModel?.HiddenSize ?? 512);
        return new ModelSizes(bytes, Math.Max(0, 4 * model.Parameters.Total - routed), token, [.. model.MoeLayers.Select(l => l.ExpertFlops)])
        {
            Shapes = [.. model.MoeLayers.Select(l => Shape((int)(l.ExpertFlops / (2L * (l.Gated ? 3 : 2) * l.ExpertHidden)), l.ExpertHidden, l.Gated, token))],
        };
    }

    /// <summary>What the settings say, when there is no model folder.</summary>
    static ModelSizes Given(IReadOnlyList<TracedLayer> layers, PlaceOptions options)
    {
        var known = options.Hidden > 0 && options.ExpertWidth > 0;
        var token = options.TokenBytes > 0 ? options.TokenBytes : options.Hidden > 0 ? 4L * options.Hidden : 2048;
        IReadOnlyList<T> Each<T>(T value) => [.. layers.Select(_ => value)];
        return new ModelSizes(Each(options.ExpertBytes), options.ReplicatedBytes, token, Each(known ? 6L * options.Hidden * options.ExpertWidth : 0))
        {
            Shapes = known ? Each(Shape(options.Hidden, options.ExpertWidth, gated: true, token)) : [],
        };
    }

    /// <summary>Numbers are as wide as on a link.</summary>
    static ExpertShape Shape(int hidden, int width, bool gated, long tokenBytes) => new(hidden, width, gated) { ElementBytes = (int)Math.Max(1, tokenBytes / Math.Max(1, hidden)) };
}
