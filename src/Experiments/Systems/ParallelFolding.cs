using System.Globalization;
using OnnxMoe.Experiments.Simulations;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Placement.Mappings;
using OnnxMoe.Search.Predictors;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Separate parallel mappings of attention and experts, simulated (Liu et al. 2025, arXiv 2504.14960).</summary>
public sealed class ParallelFolding : Experiment
{
    public override string Name => "08-parallel-folding";

    public override string System => "MoE Parallel Folding";

    public override string Paper => "2504.14960";

    public override string Citation => "Liu, Yan, Yao et al. (2025), MoE Parallel Folding: Heterogeneous Parallelism Mappings for Efficient Large-Scale MoE Model Training with Megatron Core";

    public override string WhatItIs => "attention and experts of a model are divided over the same GPUs in different ways, which share only the pipeline (`onnxmoe map` searches them)";

    public override string Claim => "the best mapping in which experts have a numbering of their own is faster than the best one with expert parallelism inside data parallelism, most of all for many small experts";

    public override bool IsSimulated => true;

    public override ExperimentResult Run(ExperimentContext context)
    {
        string Of(string model) => Machines.Shape(model).Name;
        var arms = context.RunAll(
        [
            .. FoldingSimulation.Models.Select(model => new ComputedArm(Of(model.Model), $"{model.Gpus} GPUs; the best of all mappings with CP 1, without recomputation", (seed, result) => FoldingSimulation.MeasureBest(model.Model, model.Gpus, seed, result))),
            new ComputedArm("published mappings", "the 12 mappings of the paper's table 3 that are modelled", FoldingSimulation.MeasurePublished),
            .. new[] { "mixtral-8x22b", FoldingSimulation.FineGrained }.Select(model => new ComputedArm($"experts of {Of(model)}", "one layer, attention at TP 4 CP 1, EP and ETP varied", (seed, result) => FoldingSimulation.MeasureLayer(model, seed, result))),
            new ComputedArm("experts with CP", "one layer of Mixtral-8x22B, EP 8, CP from 1 to 8, 4,096 tokens a rank", FoldingSimulation.MeasureContext),
        ]);
        var (models, published, coarse, fine, contexts) = (arms.Take(4).ToArray(), arms[4], arms[5], arms[6], arms[7]);
        PairedDifference OverModels(string measure, Func<IEnumerable<double>, double> reduce) =>
            PairedDifference.Of(models[0], run => reduce(models.Select(model => model.Run(run.Seed)[measure])));
        PairedDifference LeadOfFine(string measure) => PairedDifference.Of(models[3], run => run[measure] - models.Take(3).Max(model => model.Run(run.Seed)[measure]));
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "The best folded mapping is faster than the best unfolded one, for all four models", "MFU in points, the smallest gain of the four").Judge(OverModels(FoldingSimulation.Gain, gains => gains.Min())),
            new Claim(ClaimKind.Primary, "The gain is largest for the large model with 64 experts", "MFU in points, its gain minus the largest of the others").Judge(LeadOfFine(FoldingSimulation.Gain)),
            .. new[] { coarse, fine }.Select(arm => new Claim(ClaimKind.Primary, $"EP beats ETP at an equal product of 8: {arm.Arm.Name}", "time of the experts, the smallest relative step from EP 8 to ETP 8").Judge(PairedDifference.Of(arm, run => run[FoldingSimulation.EpOverEtp]))),
            .. new[] { coarse, fine }.Select(arm => new Claim(ClaimKind.Primary, $"Their time jumps when EP x ETP passes the node: {arm.Arm.Name}", "time at 16 over time at 8, minus time at 8 over time at 4").Judge(PairedDifference.Of(arm, run => run[FoldingSimulation.Jump]))),
            new Claim(ClaimKind.Primary, "CP x EP above 8 hurts without folding", "time of the experts relative to CP 1, the smallest rise").Judge(PairedDifference.Of(contexts, run => run[FoldingSimulation.UnfoldedContext])),
            new Claim(ClaimKind.Primary, "CP x EP above 8 does not hurt with folding", "time of the experts relative to CP 1, the largest rise, as a loss") { NoWorse = true }.Judge(PairedDifference.Of(contexts, run => -run[FoldingSimulation.FoldedContext])),
            new Claim(ClaimKind.Secondary, "Above 8, communication takes more than 70 % of the time of the 64 small experts", "share of the time at EP 16 ETP 1, where it is smallest") { Margin = 0.7 }.Judge(PairedDifference.Of(fine, run => run[FoldingSimulation.CommunicationShare])),
            new Claim(ClaimKind.Secondary, "Of the mappings that the paper names, the folded one is faster for all four models", "MFU in points, the smallest gain of the four").Judge(PairedDifference.Of(published, run => run[FoldingSimulation.PublishedMappingsGain])),
            new Claim(ClaimKind.Secondary, "Predicted MFU puts the published mappings in the order of the published MFU", "rank correlation (Spearman)") { Margin = 0.8 }.Judge(PairedDifference.Of(published, run => run[FoldingSimulation.RankCorrelation])),
            new Claim(ClaimKind.Secondary, "The mappings that ran fit into memory, the one that ran out does not", "mappings of 12 that are judged wrong, as a loss") { NoWorse = true }.Judge(PairedDifference.Of(published, run => -run[FoldingSimulation.WrongMemory])),
            new Claim(ClaimKind.Secondary, "Folding gains for all four models when CP is free too", "MFU in points, the smallest gain of the four").Judge(OverModels(FoldingSimulation.FreeGain, gains => gains.Min())),
            new Claim(ClaimKind.Secondary, "The lead of the 64 experts remains when CP is free too", "MFU in points, its gain minus the largest of the others").Judge(LeadOfFine(FoldingSimulation.FreeGain)),
            new Claim(ClaimKind.Secondary, "Folding gains for all four models when activations may be recomputed", "MFU in points, the smallest gain of the four").Judge(OverModels(FoldingSimulation.RecomputedGain, gains => gains.Min())),
        ];
        var nominal = new CostAssumptions();
        var rows = PublishedMapping.All.Select(row => (Row: row, Predicted: row.Predict(nominal))).ToList();
        var both = rows.Where(row => row.Predicted is not null && !double.IsNaN(row.Row.Mfu)).ToList();
        var correlation = RankMetrics.Spearman([.. both.Select(row => row.Predicted!.Mfu)], [.. both.Select(row => row.Row.Mfu)]);
        string Gains(string measure) => string.Join(" / ", models.Select(model => Text(model.Runs.Average(run => run[measure]), "F1")));
        return new ExperimentResult(
            "A model of costs (docs/mappings.md) of nodes of 8 H100 as the paper's cluster has them: 989 TFLOPS, 3.35 TB/s of memory, NVLink 450 GB/s and InfiniBand 50 GB/s one way; 256 sequences of 4,096 tokens a step, BF16, experts equally loaded. "
            + "Drawn within a factor of 1.25 either way: the shares of the peaks that matrix products, attention, links and memory reach, and the memory that the runtime takes.",
            arms,
            [
                new Metric(FoldingSimulation.UnfoldedMfu, "best unfolded MFU (%)", "F1"), new Metric(FoldingSimulation.FoldedMfu, "best folded MFU (%)", "F1"), new Metric(FoldingSimulation.Gain, "gain (points)", "F1"),
                new Metric(FoldingSimulation.PublishedGain, "published gain (points)", "F1"), new Metric(FoldingSimulation.FreeGain, "gain, CP free", "F1"), new Metric(FoldingSimulation.RecomputedGain, "gain, recomputation allowed", "F1"),
                new Metric(FoldingSimulation.RankCorrelation, "rank correlation", "F2"), new Metric(FoldingSimulation.WrongMemory, "memory judged wrong", "F0"), new Metric(FoldingSimulation.EpOverEtp, "ETP for EP", "P0"),
                new Metric(FoldingSimulation.Jump, "jump at the node", "F2"), new Metric(FoldingSimulation.CommunicationShare, "communication beyond it", "P0"),
                new Metric(FoldingSimulation.UnfoldedContext, "CP, unfolded", "P0"), new Metric(FoldingSimulation.FoldedContext, "CP, folded", "P0"),
            ],
            claims,
            $"simulated: gains of {Gains(FoldingSimulation.Gain)} points of MFU (Mixtral-8x22B / Llama3-8x70B / Qwen2-57B-A14B / 64 experts) where {Gains(FoldingSimulation.PublishedGain)} were published; rank correlation {Text(correlation, "F2")} over {both.Count} published mappings")
        {
            Tables =
            [
                new ResultTable("Predicted and published MFU", $"The mappings of the paper's table 3, with the assumptions as they stand (none was fitted), micro batches of one sequence and the best number of pieces a stage. Rank correlation {Text(correlation, "F3")} over the {both.Count} that run in both. Absolute MFU is not claimed.",
                    ["model", "method", "mapping", "published MFU", "predicted MFU", "predicted memory (GiB)"], [.. rows.Select(row => Row(row.Row, row.Predicted, nominal))]),
                new ResultTable("Best mappings found", "With the assumptions as they stand, CP 1, no recomputation.", ["model", "kind", "mapping", "predicted MFU", "predicted memory (GiB)"],
                    [.. FoldingSimulation.Models.SelectMany(model => Best(model.Model, model.Gpus, nominal))]),
                new ResultTable("Experts of a layer by EP x ETP", "Milliseconds of forward and backward pass with the assumptions as they stand: products + all-to-all over EP + all-gather and reduce-scatter over ETP.",
                    ["model", "EP x ETP", "products", "EP", "ETP", "together"], [.. new[] { "mixtral-8x22b", FoldingSimulation.FineGrained }.SelectMany(model => Layers(model, nominal))]),
                new ResultTable("Experts of a layer by CP", "Milliseconds at EP 8, with the assumptions as they stand.", ["CP", "unfolded", "folded"],
                    [.. new[] { 1, 2, 4, 8 }.Select(cp => (IReadOnlyList<string>)[$"{cp}", Text(1e3 * FoldingSimulation.ContextLayer(cp, false, nominal), "F2"), Text(1e3 * FoldingSimulation.ContextLayer(cp, true, nominal), "F2")])]),
            ],
            Notes =
            [
                "Fully sharded data parallelism (FSDP, FSDP + EP), FP8, strong scaling and long contexts are not simulated; nor is the training check of sub-sequence dropping.",
                "The paper searched by runs and names its best mappings; the search here tries all divisors, so that its best may be one that was not tried there. All published settings at this length have CP 1; the model finds CP cheap for grouped keys, which its rows with free CP show.",
                "Expert load is equal by assumption, as the paper's capacity factor of 1 nearly makes it.",
                "The table of the paper leaves ETP of Llama3-8x70B with folding empty; 1 is assumed.",
            ],
        };
    }

    private static string[] Row(PublishedMapping row, StepEstimate? predicted, CostAssumptions nominal) =>
    [
        Machines.Shape(row.Model).Name, row.Method, $"{row.Grid}", double.IsNaN(row.Mfu) ? "out of memory" : Text(row.Mfu, "F1"),
        predicted is null ? "out of memory" : Text(100 * predicted.Mfu, "F1"), Text(predicted is null ? row.MemoryGiB(nominal) : predicted.Memory.Total / (1L << 30), "F1"),
    ];

    private static IEnumerable<IReadOnlyList<string>> Best(string model, int gpus, CostAssumptions nominal)
    {
        var search = FoldingSimulation.Search(model, gpus, nominal);
        foreach (var (kind, best) in new[] { ("unfolded", search.BestUnfolded!), ("folded", search.BestFolded!) })
            yield return [Machines.Shape(model).Name, kind, $"{best.Mapping}", Text(100 * best.Mfu, "F1"), Text(best.Memory.Total / (1L << 30), "F1")];
    }

    private static IEnumerable<IReadOnlyList<string>> Layers(string model, CostAssumptions nominal)
    {
        var shape = Machines.Shape(model);
        foreach (var (ep, etp) in new[] { (4, 1), (8, 1), (4, 2), (2, 4), (1, 8), (16, 1), (8, 2), (4, 4), (2, 8) })
        {
            if (shape.Experts % ep != 0)
                continue;
            var layer = FoldingSimulation.Layer(model, ep, etp, nominal);
            yield return [shape.Name, $"{ep} x {etp} = {ep * etp}", Text(1e3 * layer.Experts, "F2"), Text(1e3 * layer.Dispatch, "F2"), Text(1e3 * layer.ExpertTensor, "F2"), Text(1e3 * layer.Moe, "F2")];
        }
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
