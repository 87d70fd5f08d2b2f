using OnnxMoe.Placement.Mappings;
using OnnxMoe.Search.Predictors;

namespace OnnxMoe.Experiments.Simulations;

/// <summary>Parallel folding on Eos: nodes of 8 H100 with NVLink (450 GB/s one way) and 400 Gb/s InfiniBand a GPU.</summary>
public static class FoldingSimulation
{
    /// <summary>The four models, in the paper's order, with their GPUs.</summary>
    public static IReadOnlyList<(string Model, int Gpus)> Models { get; } = [("mixtral-8x22b", 128), ("llama3-8x70b", 256), ("qwen2-57b-a14b", 64), ("mixtral-8x22b-g8t8", 128)];

    /// <summary>The fine-grained one with 64 experts of the large model.</summary>
    public const string FineGrained = "mixtral-8x22b-g8t8";

    /// <summary>Names of the measures.</summary>
    public const string UnfoldedMfu = "unfolded_mfu", FoldedMfu = "folded_mfu", Gain = "gain", FreeGain = "free_gain", RecomputedGain = "recomputed_gain", PublishedGain = "published_gain";

    /// <inheritdoc cref="UnfoldedMfu"/>
    public const string EpOverEtp = "ep_over_etp", Jump = "jump", CommunicationShare = "communication_share", UnfoldedContext = "unfolded_context", FoldedContext = "folded_context";

    /// <inheritdoc cref="UnfoldedMfu"/>
    public const string RankCorrelation = "rank_correlation", WrongMemory = "wrong_memory", PublishedMappingsGain = "published_mappings_gain";

    /// <summary>The paper's setting.</summary>
    public static TrainingJob Job(string model, int gpus, int sequence = 4096) => new(Machines.Shape(model), Machines.Cluster("dgx-h100", gpus / 8), sequence, 256);

    /// <summary>Searches a model's mappings; without recomputation, and with CP 1 as in all of the paper's settings, unless said otherwise.</summary>
    public static MappingSearchResult Search(string model, int gpus, CostAssumptions assumptions, int cp = 1, bool? recompute = false) =>
        new MappingSearch(Job(model, gpus), new SearchSpace { Cp = cp, Recompute = recompute }, assumptions).Run();

    /// <summary>The best mappings of a model.</summary>
    public static void MeasureBest(string model, int gpus, long seed, Measurement result)
    {
        var assumptions = new CostAssumptions().Drawn(seed);
        var search = Search(model, gpus, assumptions);
        (result[UnfoldedMfu], result[FoldedMfu]) = (100 * (search.BestUnfolded?.Mfu ?? double.NaN), 100 * (search.BestFolded?.Mfu ?? double.NaN));
        result[Gain] = result[FoldedMfu] - result[UnfoldedMfu];
        result[FreeGain] = Points(Search(model, gpus, assumptions, cp: 0));
        result[RecomputedGain] = Points(Search(model, gpus, assumptions, recompute: null));
        double Published(string method) => PublishedMapping.All.Single(row => row.Model == model && row.Method == method).Mfu;
        result[PublishedGain] = Published(PublishedMapping.Folded) - Published(PublishedMapping.Unfolded);
    }

    /// <summary>The mappings that the paper names.</summary>
    public static void MeasurePublished(long seed, Measurement result)
    {
        var assumptions = new CostAssumptions().Drawn(seed);
        var rows = PublishedMapping.All.Select(row => (Row: row, Predicted: row.Predict(assumptions))).ToList();
        result[WrongMemory] = rows.Count(row => row.Predicted is null != double.IsNaN(row.Row.Mfu));
        var both = rows.Where(row => row.Predicted is not null && !double.IsNaN(row.Row.Mfu)).ToList();
        result[RankCorrelation] = RankMetrics.Spearman([.. both.Select(row => row.Predicted!.Mfu)], [.. both.Select(row => row.Row.Mfu)]);
        // Time without the test of memory, which drawn assumptions may fail.
        double Mfu(string model, string method)
        {
            var row = PublishedMapping.All.Single(row => row.Model == model && row.Method == method);
            return new StepTimeModel(row.Job, assumptions).Of(new Mapping(row.Grid)).Mfu;
        }
        result[PublishedMappingsGain] = 100 * Models.Min(model => Mfu(model.Model, PublishedMapping.Folded) - Mfu(model.Model, PublishedMapping.Unfolded));
    }

    /// <summary>A layer's routed experts, attention at TP 4 as in the paper's ablation: seconds of forward and backward pass.</summary>
    public static LayerTime Layer(string model, int ep, int etp, CostAssumptions assumptions)
    {
        var time = new StepTimeModel(Job(model, 128), assumptions);
        var mapping = new Mapping(ParallelGrid.Folded(128, 4, 1, 1, ep, etp));
        return time.Forward(mapping) + time.Backward(mapping);
    }

    /// <summary>What the ablation of the experts' axes shows.</summary>
    public static void MeasureLayer(string model, long seed, Measurement result)
    {
        var assumptions = new CostAssumptions().Drawn(seed);
        double Moe(int ep, int etp) => Layer(model, ep, etp, assumptions).Moe;
        // From all EP to all ETP at the same product; the smallest step of them.
        (int, int)[] products = [(8, 1), (4, 2), (2, 4), (1, 8)];
        var times = products.Select(pair => Moe(pair.Item1, pair.Item2)).ToArray();
        result[EpOverEtp] = times.Zip(times.Skip(1), (more, less) => less / more - 1).Min();
        var sixteen = Machines.Shape(model).Experts >= 16 ? (16, 1) : (8, 2);
        result[Jump] = Moe(sixteen.Item1, sixteen.Item2) / Moe(8, 1) - Moe(8, 1) / Moe(4, 1);
        var outside = Layer(model, sixteen.Item1, sixteen.Item2, assumptions);
        result[CommunicationShare] = (outside.Dispatch + outside.ExpertTensor) / outside.Moe;
    }

    /// <summary>A layer's routed experts at EP 8 and growing CP, the sequence growing with it so that a rank's tokens stay: seconds.</summary>
    public static double ContextLayer(int cp, bool folded, CostAssumptions assumptions)
    {
        var time = new StepTimeModel(Job("mixtral-8x22b", 64, 4096 * cp), assumptions);
        var mapping = new Mapping(folded ? ParallelGrid.Folded(64, 1, cp, 1, 8, 1) : ParallelGrid.Unfolded(64, 1, cp, 1, 8));
        return (time.Forward(mapping) + time.Backward(mapping)).Moe;
    }

    /// <summary>What CP does to the exchange over EP.</summary>
    public static void MeasureContext(long seed, Measurement result)
    {
        var assumptions = new CostAssumptions().Drawn(seed);
        // The least that any CP with CP x EP above 8 adds without folding, the most that it adds with it.
        int[] beyond = [2, 4, 8];
        result[UnfoldedContext] = beyond.Min(cp => ContextLayer(cp, false, assumptions)) / ContextLayer(1, false, assumptions) - 1;
        result[FoldedContext] = beyond.Max(cp => ContextLayer(cp, true, assumptions)) / ContextLayer(1, true, assumptions) - 1;
    }

    private static double Points(MappingSearchResult search) => search is { BestFolded: { } folded, BestUnfolded: { } unfolded } ? 100 * (folded.Mfu - unfolded.Mfu) : double.NaN;
}
