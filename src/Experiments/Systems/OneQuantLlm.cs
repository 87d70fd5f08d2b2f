using System.Globalization;
using OnnxMoe.Experiments.Quantization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Experiments.Systems;

/// <summary>One training of a quantized language model for all numbers of bits (Yi et al. 2024, arXiv 2405.20202).</summary>
public sealed class OneQuantLlm : Experiment
{
    private const int Blocks = 6, Rank = 4, AdapterSteps = 300, Period = 150, EvaluationTokens = 8192;

    public override string Name => "15-one-quantllm";

    public override string System => "LLM-QFA";

    public override string Paper => "2405.20202";

    public override string Citation => "Yi et al. (2024), One QuantLLM for ALL: Fine-tuning Quantized LLMs Once for Efficient Deployments";

    public override string WhatItIs => "a language model quantized at 2, 3 and 4 bits, with an adapter for each of them in every matrix; one training serves every choice of bits for its blocks";

    public override string Claim => "adapters of their own for each number of bits, and bits drawn in balance, make the subnetworks better, those of few bits most of all";

    public override string Recipe => "one-quantllm";

    public override ExperimentResult Run(ExperimentContext context)
    {
        (long Seed, TrainedLm Lm)? last = null;
        TrainedLm Trained(long seed, TokenDataset data)
        {
            if (last?.Seed != seed)
                last = (seed, TrainedLm.Train(Blocks, context.Threads, seed, data, context.Cancel));
            return last.Value.Lm;
        }
        TinySetup Setup(bool shared = false, int rank = Rank)
        {
            var setup = TrainedLm.SetupOf(Blocks, context.Threads).WithSteps(AdapterSteps);
            var adapter = setup.Model.Quantization.Adapter;
            (adapter.Rank, adapter.Alpha, adapter.Shared, setup.Trainer.WeightDecay) = (rank, rank, shared, 0);
            setup.Trainer.EvaluationTokens = EvaluationTokens;
            return setup;
        }
        PathSampler Balanced(SearchSpace space, long seed) => new BalancedPaths(space, Period, seed);
        PathSampler Uniform(SearchSpace space, long seed) => new UniformPaths(space, 1, seed);
        var arms = context.RunAll(
            new BitsArm("PTQ", "as quantized (GPTQ), nothing trained", Setup(), Trained),
            new BitsArm("shared, balanced", $"one adapter of rank {Rank} for all numbers of bits, bits drawn in balance", Setup(shared: true), Trained, Balanced),
            new BitsArm("shared rank 12, balanced", $"the same of rank {3 * Rank}: as many parameters as separate ones", Setup(shared: true, 3 * Rank), Trained, Balanced),
            new BitsArm("separate, uniform", $"an adapter of rank {Rank} for each number of bits, bits drawn uniformly", Setup(), Trained, Uniform),
            new BitsArm("separate, balanced", $"an adapter of rank {Rank} for each number of bits, bits drawn in balance: LLM-QFA", Setup(), Trained, Balanced),
            new BitsArm("dedicated to 2 bits", "as many steps, all of them at 2 bits", Setup(), Trained, (space, _) => new OnePath(space.Smallest)) { Bits = [2] });
        var (ptq, shared, wide, uniform, separate, dedicated) = (arms[0], arms[1], arms[2], arms[3], arms[4], arms[5]);
        string Bits(double bits) => bits.ToString(CultureInfo.InvariantCulture);
        ClaimResult Lower(ClaimKind kind, ArmResult better, ArmResult worse, double bits) =>
            new Claim(kind, $"{better.Arm.Name} is better than {worse.Arm.Name} at {Bits(bits)} bits", "validation loss (nats), difference").Judge(PairedDifference.Of(worse, better, BitLosses.Measure(bits)));
        double[] others = [3, 4, 2.5];
        ClaimResult[] claims =
        [
            Lower(ClaimKind.Primary, separate, shared, 2),
            Lower(ClaimKind.Primary, separate, uniform, 2),
            .. others.Select(bits => Lower(ClaimKind.Secondary, separate, shared, bits)),
            .. others.Select(bits => Lower(ClaimKind.Secondary, separate, uniform, bits)),
            .. BitLosses.Means.Select(bits => Lower(ClaimKind.Secondary, separate, ptq, bits)),
            .. BitLosses.Means.Select(bits => Lower(ClaimKind.Report, separate, wide, bits)),
            Lower(ClaimKind.Report, separate, dedicated, 2),
        ];
        string Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]).ToString("F3", CultureInfo.InvariantCulture);
        string AtTwo(ArmResult arm) => Mean(arm, BitLosses.Measure(2));
        return new ExperimentResult(
            $"A dense language model of {Blocks} blocks of width 64 is trained for each seed, {TrainedLm.SetupOf(Blocks, 0).Trainer.Steps} steps, and its matrices are quantized by GPTQ at 2, 3 and 4 bits, a scale and a zero point for 32 inputs. Adapters that read each "
            + $"group's mean are trained for {AdapterSteps} steps of {Setup().Trainer.BatchSize} x 64 bytes, a choice of bits for each block in every step; in balance: the mean falls from 4 to 2 and rises again in {Period} steps. Then subnetworks are measured: 2, 3 and 4 bits throughout, and "
            + "2 and 3 by turns (2.5).",
            arms,
            [
                .. BitLosses.Means.Select(bits => new Metric(BitLosses.Measure(bits), $"loss at {Bits(bits)} bits (nats)")),
                new Metric(BitsArm.FullPrecision, "before quantization"), new Metric(TinyArm.Seconds, "time (s)", "F0"),
            ],
            claims,
            $"loss at 2 bits {AtTwo(separate)} nats, uniform {AtTwo(uniform)}, shared {AtTwo(shared)}, dedicated {AtTwo(dedicated)}, untrained {AtTwo(ptq)}; before quantization {Mean(separate, BitsArm.FullPrecision)}")
        {
            Notes =
            [
                "How the probabilities of bits follow from the mean is not in the paper; here they have the largest entropy that the mean allows, blocks independently.",
                "GPTQ sees the inputs that the model as it was trained gives each matrix, not those of the blocks before it quantized.",
                "The adapters learn on the text that the model was trained on, not on instructions.",
                "The training is short: a shared adapter learns in every step, one of its own in those of its bits, a third of them.",
                "A dedicated training meets its bits in every step; a step of the others meets each number of bits in a third of the blocks.",
            ],
        };
    }

    /// <summary>The same architecture in every step.</summary>
    private sealed class OnePath(Architecture architecture) : PathSampler
    {
        public override IReadOnlyList<Architecture> Sample(int step) => [architecture];
    }
}
