using System.Globalization;
using OnnxMoe.Experiments.Simulations;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Systems;

/// <summary>The inference system of DeepSpeed-MoE, simulated (Rajbhandari et al. 2022, arXiv 2201.05596).</summary>
public sealed class DeepSpeedMoe : Experiment
{
    public override string Name => "18-deepspeed-moe";

    public override string System => "DeepSpeed-MoE (inference system)";

    public override string Paper => "2201.05596";

    public override string Citation => "Rajbhandari, Li, Yao, Zhang, Aminabadi, Awan, Rasley, He (2022), DeepSpeed-MoE: Advancing Mixture-of-Experts Inference and Training to Power Next-Generation AI Scale";

    public override string WhatItIs => "experts spread over many GPUs, an all-to-all in two levels or among ranks of equal tensor slice, fused routing; models with fewer experts at the bottom, a dense layer beside each, and fewer layers";

    public override string Claim => "served so, a mixture of experts answers faster than served plainly, and faster and cheaper than the dense model of equal quality";

    public override bool IsSimulated => true;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var arms = context.RunAll(
        [
            new ComputedArm("sizes", "weights counted from the configurations", ServingSimulation.MeasureSizes),
            new ComputedArm("all-to-all", "128 GPUs in nodes of 8: flat, hierarchical, coordinated with 8 tensor slices; chunks are moved and compared", ServingSimulation.MeasureExchange),
            .. ServedModel.All.Select(served => new ComputedArm(served.Model.Name,
                $"{served.Model.Layers} layers of {served.Model.Hidden}, {served.Slices} tensor slice{(served.Slices == 1 ? "" : "s")}; {Math.Min(128, served.Gpus)} GPUs plain, {served.Gpus} with DeepSpeed-MoE", (seed, result) => ServingSimulation.MeasureServed(served, seed, result))),
            new ComputedArm("52B against 6.7B", "PR-MoE + MoS on 128 GPUs with DeepSpeed-MoE, the dense model on 1 with PyTorch",
                (seed, result) => ServingSimulation.MeasureAgainstDense(ServedModel.SmallDense, 1, ServedModel.All[0].Model, ServedModel.SmallStudent, 128, 1, seed, result)),
            new ComputedArm("1.5T against 175B", "PR-MoE + MoS on 256 GPUs (8 slices) with DeepSpeed-MoE, the dense model on 16 (16 slices) with PyTorch",
                (seed, result) => ServingSimulation.MeasureAgainstDense(ServedModel.LargeDense, 16, ServedModel.Trillion, ServedModel.TrillionStudent, 256, 8, seed, result)),
        ]);
        var (sizes, exchange, served, small, large) = (arms[0], arms[1], arms.Skip(2).Take(5).ToArray(), arms[7], arms[8]);
        PairedDifference Of(ArmResult arm, Func<Measurement, double> value) => PairedDifference.Of(arm, value);
        double Over(long seed, string measure, Func<IEnumerable<double>, double> reduce) => reduce(served.Select(arm => arm.Run(seed)[measure]));
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "The six model sizes follow from their configurations to the printed digit", "sizes of 6 that differ, as a loss") { NoWorse = true }.Judge(Of(sizes, run => -run[ServingSimulation.WrongSizes])),
            new Claim(ClaimKind.Primary, "Hierarchical and coordinated all-to-all deliver what the flat one does, in the messages of the formulas", "chunks and messages that differ, as a loss") { NoWorse = true }
                .Judge(Of(exchange, run => -run[ServingSimulation.Delivered] - run[ServingSimulation.WrongMessages])),
            new Claim(ClaimKind.Primary, "8 slices take the latency of the all-to-all of 128 GPUs from 128 C1 to 16 C1, by 8", "10 % minus the relative difference of the ratio from 8, messages without bytes") { NoWorse = true }
                .Judge(Of(exchange, run => 0.1 - Math.Abs(run[ServingSimulation.SlicedRatio] / 8 - 1))),
            new Claim(ClaimKind.Primary, "The hierarchical all-to-all pays for small messages", "time flat over hierarchical minus 1, 1 KiB a pair").Judge(Of(exchange, run => run[ServingSimulation.SmallGain])),
            new Claim(ClaimKind.Primary, "It does not for large ones", "its loss, 256 MiB a pair").Judge(Of(exchange, run => -run[ServingSimulation.LargeGain])),
            new Claim(ClaimKind.Primary, "DeepSpeed-MoE answers faster than plain serving, for all five models", "latency plain over DeepSpeed-MoE minus 1, the smallest").Judge(Of(served[0], run => Over(run.Seed, ServingSimulation.Ratio, ratios => ratios.Min()) - 1)),
            new Claim(ClaimKind.Primary, "1.5 trillion weights so served answer faster than 175 billion dense ones", "latency dense over mixture minus 1").Judge(Of(large, run => run[ServingSimulation.OverDense] - 1)),
            new Claim(ClaimKind.Primary, "They are cheaper as well", "GPU seconds a token, dense over mixture minus 1").Judge(Of(large, run => run[ServingSimulation.Cheaper] - 1)),
            new Claim(ClaimKind.Secondary, "52 billion so served answer faster than 6.7 billion dense ones", "latency dense over mixture minus 1").Judge(Of(small, run => run[ServingSimulation.OverDense] - 1)),
            new Claim(ClaimKind.Secondary, "The advantage over dense models grows with size", "ratio of 1.5T minus ratio of 52B").Judge(Of(large, run => run[ServingSimulation.OverDense] - small.Run(run.Seed)[ServingSimulation.OverDense])),
            new Claim(ClaimKind.Secondary, "Plainly served, mixtures are slower than the dense models: 52B", "latency mixture over dense minus 1").Judge(Of(small, run => run[ServingSimulation.PlainOverDense] - 1)),
            new Claim(ClaimKind.Secondary, "Plainly served, mixtures are slower than the dense models: 1.5T", "latency mixture over dense minus 1").Judge(Of(large, run => run[ServingSimulation.PlainOverDense] - 1)),
            new Claim(ClaimKind.Secondary, "A model of a trillion weights answers in less than 25 ms", "25 ms minus the latency of 24B+MoE-128").Judge(Of(served[3], run => 25 - run[ServingSimulation.Optimized])),
            new Claim(ClaimKind.Secondary, "Throughput of a GPU rises from 8 to 64 GPUs for 52B", "throughput a GPU at 64 over at 8, minus 1").Judge(Of(served[0], run => run[ServingSimulation.PerGpu] - 1)),
            new Claim(ClaimKind.Report, "Largest ratio to plain serving (7.3 published)", "latency plain over DeepSpeed-MoE").Judge(Of(served[0], run => Over(run.Seed, ServingSimulation.Ratio, ratios => ratios.Max()))),
            new Claim(ClaimKind.Report, "Ratio of 175B dense to 1.5T (4.5 published)", "latency").Judge(Of(large, run => run[ServingSimulation.OverDense])),
            new Claim(ClaimKind.Report, "Ratio of 175B dense to 1.5T (9 published)", "GPU seconds a token").Judge(Of(large, run => run[ServingSimulation.Cheaper])),
            new Claim(ClaimKind.Report, "Ratio of 6.7B dense to 52B (2.4 published)", "latency").Judge(Of(small, run => run[ServingSimulation.OverDense])),
            new Claim(ClaimKind.Report, "Served models of table 6: largest difference from the published size", "relative").Judge(Of(sizes, run => run[ServingSimulation.SizeError])),
        ];
        string Mean(ArmResult arm, string measure, string format) => arm.Runs.Average(run => run[measure]).ToString(format, CultureInfo.InvariantCulture);
        return new ExperimentResult(
            "A model of costs (docs/mappings.md) of a generation step on DGX A100 nodes (80 GB, 2,039 GB/s of memory, NVLink 300 GB/s and 200 Gb/s for each GPU, one way: NVIDIA's data sheets): weights are read once, kernels follow each other, collectives take alpha + bytes / bandwidth on their busiest port. "
            + "Plain serving is the paper's PyTorch baseline: eager kernels, routing by masks, the flat all-to-all. Drawn within a factor of 1.25 either way: shares of the bandwidths; of 1.5: latencies and kernels; of 2: the sequences of a group (8).",
            arms,
            [
                new Metric(ServingSimulation.WrongSizes, "sizes wrong", "F0"), new Metric(ServingSimulation.SlicedRatio, "flat / sliced", "F2"), new Metric(ServingSimulation.SmallGain, "hierarchical, 1 KiB", "P0"),
                new Metric(ServingSimulation.LargeGain, "hierarchical, 256 MiB", "P0"), new Metric(ServingSimulation.Crossover, "pays up to (KiB a pair)", "F0"), new Metric(ServingSimulation.Plain, "plain (ms)", "F1"),
                new Metric(ServingSimulation.Optimized, "DeepSpeed-MoE (ms)", "F1"), new Metric(ServingSimulation.Ratio, "ratio", "F2"), new Metric(ServingSimulation.Dense, "dense (ms)", "F1"),
                new Metric(ServingSimulation.OverDense, "dense / DeepSpeed-MoE", "F2"), new Metric(ServingSimulation.Cheaper, "cheaper by", "F2"),
            ],
            claims,
            $"six sizes {(sizes.Runs.All(run => run[ServingSimulation.WrongSizes] == 0) ? "to the printed digit" : "not all right")}; simulated: 8 slices shorten the all-to-all {Mean(exchange, ServingSimulation.SlicedRatio, "F1")} times; up to {Mean(served.MaxBy(arm => arm.Runs.Average(run => run[ServingSimulation.Ratio]))!, ServingSimulation.Ratio, "F1")} times faster than plain serving (7.3 published), "
            + $"{Mean(large, ServingSimulation.OverDense, "F1")} times faster and {Mean(large, ServingSimulation.Cheaper, "F1")} times cheaper than the dense model (4.5 and 9)")
        {
            Tables =
            [
                new ResultTable("Sizes", "Weights in billions: 2 matrices and biases a feed-forward layer, every second one routed, learned positions, tied output, vocabulary of 50,257.", ["model", "experts by routed layer", "published", "counted"],
                    [.. GptMoeShape.Printed.Select(size => (IReadOnlyList<string>)[size.Model.Name, Experts(size.Model), size.Printed, (size.Model.Parameters / 1e9).ToString("F2", CultureInfo.InvariantCulture)]),
                        .. ServedModel.All.Select(model => (IReadOnlyList<string>)[$"{model.Model.Name} (table 6)", Experts(model.Model), model.Billions.ToString(CultureInfo.InvariantCulture), (model.Model.Parameters / 1e9).ToString("F1", CultureInfo.InvariantCulture)])]),
            ],
            Notes =
            [
                "Simulated here: the inference system alone, with the hardware figures that its makers publish. Not judged: all claims on training, which are the quality of pyramid and residual mixtures, the cost of training, and staged distillation into students.",
                "The numbers of kernels and their distance in time are assumptions; ratios to PyTorch depend on them directly, so that only directions are claimed. The claim of kernels that are 6 times faster is among the inputs, not judged.",
                "Every local expert's weights are read in a step, with or without tokens: the released code computes all places of all experts. A first version here left experts without tokens out: then the claim on throughput from 8 to 64 GPUs was inconclusive, and that the advantage grows with size was reproduced, by little.",
                "Table 6 of the paper has 30 layers for 8B+MoE-128 and 40 for 24B+MoE-128, with which the printed sizes cannot be met; 40 and 30 meet them, as in DeepSpeed's own tutorial, and are taken.",
                "The paper gives no layers of its model of 1.5 trillion weights: 44 of width 8,192 are taken, 38 as a student. Cheaper means GPU seconds a token when each tensor-slicing group has as many sequences: 16 GPUs in the dense model, 8 in the mixture.",
                "An all-to-all without bytes on 128 GPUs has 127 messages of a rank, 120 of them between nodes; with 8 slices each rank has 15. The all-gather of the way back is not in that ratio, and is in the latencies of the models.",
            ],
        };
    }

    private static string Experts(GptMoeShape model) => string.Join(" + ", model.Experts.CountBy(experts => experts).Select(group => $"{group.Value} x {group.Key}"));
}
