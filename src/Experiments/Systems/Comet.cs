using System.Globalization;
using OnnxMoe.Experiments.Overlap;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Communication hidden tile by tile behind the products of an MoE layer, against chunks and no overlap, simulated (Zhang et al. 2025, arXiv 2502.19811).</summary>
public sealed class Comet : Experiment
{
    private const string H800 = "h800", L20 = "l20";
    private static readonly int[] Sizes = [4096, 8192, 16384];
    private static readonly double[] Deviations = [0, 0.016, OverlapLayer.Usual, 0.05];

    public override string Name => "29-comet";

    public override string System => "Comet";

    public override string Paper => "2502.19811";

    public override string Citation => "Zhang, Zheng, Lin et al. (2025), Comet: Fine-grained Computation-communication Overlapping for Mixture-of-Experts";

    public override string WhatItIs => "tokens of an MoE layer travel while tiles of other tokens are computed, in an order in which those tiles run first whose rows are there; some of the GPU's blocks communicate, the others compute";

    public override string Claim => "an MoE layer whose communication is hidden tile by tile is faster than one that is cut into chunks";

    public override bool IsSimulated => true;

    public override ExperimentResult Run(ExperimentContext context)
    {
        static OverlapLayer Usual(string machine, SimulatedModel model, int tokens) => new(machine, model, tokens, 1, OverlapLayer.UsualOf(model));
        string[] machines = [H800, L20];
        SimulatedModel[] models = [SimulatedModel.Mixtral, SimulatedModel.Qwen2, SimulatedModel.Phi];
        OverlapLayer[] usual = [.. from machine in machines from model in models from tokens in Sizes select Usual(machine, model, tokens)];
        (int Tokens, int Slices)[] parallel = [.. Sizes.Select(tokens => (tokens, 8)), (16384, 4)];
        OverlapLayer[] sliced = [.. from machine in machines from size in parallel select new OverlapLayer(machine, SimulatedModel.Mixtral, size.Tokens, size.Slices, OverlapLayer.Usual)];
        OverlapLayer[] uneven = [.. from machine in machines from deviation in Deviations where deviation != OverlapLayer.Usual select new OverlapLayer(machine, SimulatedModel.Mixtral, 16384, 1, deviation)];
        var results = context.RunAll([.. usual.Concat(sliced).Concat(uneven).Select(layer => layer.Arm)]);
        ArmResult Of(OverlapLayer layer) => results.Single(r => r.Arm.Name == layer.Arm.Name);
        ArmResult Sliced(string machine, int tokens, int slices) => Of(new OverlapLayer(machine, SimulatedModel.Mixtral, tokens, slices, OverlapLayer.Usual));
        ArmResult Uneven(string machine, double deviation) => Of(new OverlapLayer(machine, SimulatedModel.Mixtral, 16384, 1, deviation));
        // The worst case decides: a claim about several layers is judged by the one for which it holds least.
        PairedDifference Least(IEnumerable<ArmResult> arms, Func<Measurement, double> value) =>
            new([.. context.Seeds.Select(seed => (seed, arms.Min(arm => value(arm.Run(seed)))))]);
        static Func<Measurement, double> Gain(string policy, string over) => run => 1 - (run[policy] / run[over]);
        IEnumerable<ArmResult> On(string machine, int tokens = 0) => usual.Where(a => a.Machine == machine && (tokens == 0 || a.Tokens == tokens)).Select(Of);
        IEnumerable<ArmResult> At(int tokens) => usual.Where(a => a.Tokens == tokens).Select(Of);
        ClaimResult Faster(ClaimKind kind, string text, IEnumerable<ArmResult> arms, string policy, string over) =>
            new Claim(kind, text, $"share of the time of {over} that is saved, least of {arms.Count()} layers") { EverySeed = true }.Judge(Least(arms, Gain(policy, over)));
        ClaimResult More(string text, string measure, ArmResult arm, ArmResult other) => new Claim(ClaimKind.Secondary, text, "blocks").Judge(PairedDifference.Of(arm, other, measure));
        ClaimResult[] claims =
        [
            .. machines.Select(machine => Faster(ClaimKind.Primary, $"On {machine.ToUpperInvariant()} Comet is faster than 2 chunks", On(machine), OverlapLayer.Comet, OverlapLayer.Chunked2)),
            .. machines.Select(machine => Faster(ClaimKind.Primary, $"On {machine.ToUpperInvariant()} Comet is faster than 4 chunks", On(machine), OverlapLayer.Comet, OverlapLayer.Chunked4)),
            .. from tokens in Sizes
               from policy in new[] { OverlapLayer.Chunked2, OverlapLayer.Chunked4 }
               select Faster(ClaimKind.Secondary, $"{policy} is faster than no overlap at {tokens} tokens, on both machines", At(tokens), policy, OverlapLayer.None),
            new Claim(ClaimKind.Secondary, "Two chunks hide more than nothing", "hidden share, least of all layers") { EverySeed = true }.Judge(Least(usual.Select(Of), run => run[OverlapLayer.Hidden2])),
            new Claim(ClaimKind.Secondary, "Comet hides more than two chunks", "hidden shares, difference, least of all layers") { EverySeed = true }
                .Judge(Least(usual.Select(Of), run => run[OverlapLayer.HiddenComet] - run[OverlapLayer.Hidden2])),
            More("The best number of communicating blocks rises with M, first half (H800, TP 8, 4,096 to 16,384)", OverlapLayer.DispatchBlocks, Sliced(H800, 16384, 8), Sliced(H800, 4096, 8)),
            More("The same, second half", OverlapLayer.CombineBlocks, Sliced(H800, 16384, 8), Sliced(H800, 4096, 8)),
            More("It rises from TP 8 to TP 4, first half (H800, 16,384)", OverlapLayer.DispatchBlocks, Sliced(H800, 16384, 4), Sliced(H800, 16384, 8)),
            More("The same, second half", OverlapLayer.CombineBlocks, Sliced(H800, 16384, 4), Sliced(H800, 16384, 8)),
            new Claim(ClaimKind.Secondary, "Without rows sorted by source nearly all overlap of the first half is lost", "share lost, least of all layers") { Margin = 0.8 }
                .Judge(Least(usual.Select(Of), run => run[OverlapLayer.Unsorted])),
            .. machines.SelectMany(machine => new[]
            {
                new Claim(ClaimKind.Secondary, $"On {machine.ToUpperInvariant()} Comet's lead shrinks as shares grow uneven (Mixtral, 16,384)", "speed-up over the best other policy, standard deviation 0 minus 0.05")
                    .Judge(PairedDifference.Of(Uneven(machine, 0), Uneven(machine, 0.05), OverlapLayer.SpeedUp)),
                new Claim(ClaimKind.Secondary, $"On {machine.ToUpperInvariant()} it leads at 0.05 still", "speed-up over the best other policy, minus 1") { EverySeed = true }
                    .Judge(PairedDifference.Of(Uneven(machine, 0.05), run => run[OverlapLayer.SpeedUp] - 1)),
            }),
        ];
        string Range(IEnumerable<ArmResult> arms, string measure)
        {
            double[] means = [.. arms.Select(arm => arm.Runs.Average(run => run[measure]))];
            return string.Create(CultureInfo.InvariantCulture, $"{means.Min():F2} to {means.Max():F2}");
        }
        string Mean(ArmResult arm, string measure, string format = "F0") => arm.Runs.Average(run => run[measure]).ToString(format, CultureInfo.InvariantCulture);
        var mixtral = Of(Usual(H800, SimulatedModel.Mixtral, 16384));
        string Blocks(string measure) => $"{string.Join(", ", Sizes.Select(tokens => Mean(Sliced(H800, tokens, 8), measure)))} at TP 8 and {string.Join(", ", Sizes)} tokens, {Mean(Sliced(H800, 16384, 4), measure)} at TP 4 and 16384";
        string Hidden(string measure) => (100 * mixtral.Runs.Average(run => run[measure])).ToString("F1", CultureInfo.InvariantCulture);
        return new ExperimentResult(
            "One MoE layer (dispatch, two grouped products, combine) of three models on 8 H800 (NVLink) and 8 L20 (PCIe), at 4,096 to 16,384 tokens, expert-parallel; Mixtral also with tensor parallelism, and with more and less even experts. "
            + "Chunks and no overlap use all blocks of a GPU and one communication stream; Comet divides the blocks, by a sweep for each layer. The routing is random with a given standard deviation of the experts' shares.",
            results,
            [
                new Metric(OverlapLayer.None, "none (ms)", "F3"), new Metric(OverlapLayer.Chunked2, "2 chunks (ms)", "F3"), new Metric(OverlapLayer.Chunked4, "4 chunks (ms)", "F3"), new Metric(OverlapLayer.Comet, "Comet (ms)", "F3"),
                new Metric(OverlapLayer.Hidden2, "hidden, 2 chunks", "P1"), new Metric(OverlapLayer.Hidden4, "hidden, 4 chunks", "P1"), new Metric(OverlapLayer.HiddenComet, "hidden, Comet", "P1"),
                new Metric(OverlapLayer.DispatchBlocks, "n_c, first half", "F1"), new Metric(OverlapLayer.CombineBlocks, "n_c, second half", "F1"), new Metric(OverlapLayer.Columns, "column block", "F0"),
                new Metric(OverlapLayer.Unsorted, "overlap lost unsorted", "P1"), new Metric(OverlapLayer.SpeedUpNone, "speed-up over none", "F2"), new Metric(OverlapLayer.SpeedUp, "over the best other", "F2"),
            ],
            claims,
            $"simulated: a layer {Range(On(H800), OverlapLayer.SpeedUpNone)} times faster than without overlap on H800 and {Range(On(L20), OverlapLayer.SpeedUpNone)} on L20, {Range(On(H800), OverlapLayer.SpeedUp)} and {Range(On(L20), OverlapLayer.SpeedUp)} than the best of none, 2 and 4 chunks; hidden {Hidden(OverlapLayer.HiddenComet)} % (Mixtral, 16,384, H800)")
        {
            Notes =
            [
                $"Published, measured on GPUs against whole systems: one layer with EP 8 on H800 1.28 to 2.37 times faster, on L20 1.19 to 1.46. Simulated, over no overlap: {Range(On(H800), OverlapLayer.SpeedUpNone)} and {Range(On(L20), OverlapLayer.SpeedUpNone)}; over the best other policy: {Range(On(H800), OverlapLayer.SpeedUp)} and {Range(On(L20), OverlapLayer.SpeedUp)}. Nothing was tuned to meet these.",
                $"Published share of hidden communication (8 experts, top-2, 16,384 tokens): FasterMoE 29.2 %, Tutel 68.6 %, Comet 86.5 %. Simulated (Mixtral): 2 chunks {Hidden(OverlapLayer.Hidden2)} %, 4 chunks {Hidden(OverlapLayer.Hidden4)} %, Comet {Hidden(OverlapLayer.HiddenComet)} %. Here a share is 1 - (time - products alone) / (time without overlap - products alone): what is exposed includes waiting at both ends, padded tiles, and blocks that do not compute.",
                $"Published best numbers of communicating blocks: 18 at 4,096 tokens and 26 at 16,384 (TP 8), 46 at TP 4. Simulated, first half: {Blocks(OverlapLayer.DispatchBlocks)}; second half: {Blocks(OverlapLayer.CombineBlocks)}.",
                "In the simulation both products and traffic grow in proportion to M, so the best division hardly depends on it; and from TP 8 to TP 4 the products stay as long, while fewer rows travel to and from a GPU (a token that meets several experts of a group is sent once). What makes the paper's optimum rise is not in the model.",
                "The numbers of communicating blocks depend on what one block can move: 8 GB/s, as 20 blocks of DeepEP's kernels fill the NVLink of an H800.",
                "Chunks may be slower than no overlap on small batches: besides padded rows they pay for waves of tiles that no longer fill all blocks, which kernels that split the depth of a product would soften, and for reading all weights again in each chunk.",
                $"Shares have the standard deviation {OverlapLayer.Usual.ToString(CultureInfo.InvariantCulture)} for 8 experts, the mean that the paper measured in production, and in proportion to the mean share for more experts (the paper does not say of how many it is).",
                "Not simulated: launches, the activation between the products, uneven homes of tokens, contention of transfers with products for memory. Speeds are peaks of data sheets. See docs/simulation.md.",
                "The end-to-end figures of the paper (1.71 times on average) have no counterpart here.",
            ],
        };
    }
}
