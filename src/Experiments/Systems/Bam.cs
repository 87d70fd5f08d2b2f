using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Conversions;

namespace OnnxMoe.Experiments.Systems;

/// <summary>
/// Upcycling of a dense model and its domain branches with attention experts against feed-forward experts alone (Zhang et al. 2024,
/// arXiv 2408.08274, sections 4 and 5).
/// </summary>
public sealed class Bam : Experiment
{
    private const string Mean = TinyArm.Bits;

    public override string Name => "47-bam";

    public override string System => "BAM";

    public override string Paper => "2408.08274";

    public override string Citation => "Zhang et al. (2024), BAM! Just Like That: Simple and Efficient Parameter Upcycling for Mixture of Experts, NeurIPS 2024";

    public override string WhatItIs => "copies of a dense model trained on domains become one model whose feed-forward and attention layers are experts; attention experts are mixed softly";

    public override string Claim => "attention experts make a better mixture of domain models than the mean of their attention (BTX), and both a better one than the seed model trained on";

    public override string Recipe => "bam";

    public override string Source => "foldoc,manpages,code";

    public override ExperimentResult Run(ExperimentContext context)
    {
        var phases = new BamArms(context);
        var bank = phases.Domains.Count + 1;
        var btx = phases.Mixture("BTX", $"{bank} feed-forward experts, the mean of the attention layers", new BranchTrainMix());
        var wide = phases.Mixture("BTX, 6 experts", "6 feed-forward experts, the first models twice", new BranchTrainMix(), model => model.Experts = 6);
        var bam = phases.Mixture("BAM", $"{bank} feed-forward and {bank} attention experts, each with its keys and values", new BranchAttendMix(), model => model.AttentionBank.Experts = bank);
        var shared = phases.Mixture("BAM, shared KV", "the same with the mean of the key and value projections", new BranchAttendMix(),
            model => (model.AttentionBank.Experts, model.AttentionBank.KeyValues) = (bank, "shared"));
        var top1 = phases.Mixture("BAM, top-1 attention", "BAM with one attention expert a token, at its probability", new BranchAttendMix(),
            model => (model.AttentionBank.Experts, model.AttentionBank.ActiveExperts) = (bank, 1));

        var arms = context.RunAll([phases.Seed, phases.Continued, .. phases.Branches, btx, wide, bam, shared, top1]).ToDictionary(arm => arm.Arm.Name);
        ArmResult Of(TinyArm arm) => arms[arm.Name];
        var (continued, branches) = (Of(phases.Continued), phases.Branches.Select(Of).ToArray());
        Claim Better(ClaimKind kind, string text, string measure) => new(kind, text, measure + " (bits a byte, mean over the domains)");
        ClaimResult[] claims =
        [
            Better(ClaimKind.Primary, "Attention experts beat the mean of the attention layers", "BTX minus BAM").Judge(PairedDifference.Of(Of(btx), Of(bam), Mean)),
            Better(ClaimKind.Primary, "BTX beats the seed model trained on", "seed continued minus BTX").Judge(PairedDifference.Of(continued, Of(btx), Mean)),
            Better(ClaimKind.Primary, "BAM beats the seed model trained on", "seed continued minus BAM").Judge(PairedDifference.Of(continued, Of(bam), Mean)),
            new Claim(ClaimKind.Primary, "Each branch is the best dense model on its own domain", "best other dense model minus the branch on its domain, smallest over the domains (bits a byte)")
                .Judge(PairedDifference.Of(continued, run => Enumerable.Range(0, branches.Length).Min(d => OwnGain(run, branches, d, phases.Domains[d])))),
            new Claim(ClaimKind.Primary, "Each branch forgets the other domains", "the branch minus seed continued on the other domains, smallest over the branches (bits a byte)")
                .Judge(PairedDifference.Of(continued, run => Enumerable.Range(0, branches.Length).Min(d =>
                    phases.Domains.Where((_, other) => other != d).Average(domain => branches[d].Run(run.Seed)[BamArms.Bits(domain)] - run[BamArms.Bits(domain)])))),
            Better(ClaimKind.Report, "Attention experts with shared keys and values beat BTX too", "BTX minus BAM with shared KV").Judge(PairedDifference.Of(Of(btx), Of(shared), Mean)),
            Better(ClaimKind.Report, "Own keys and values beat shared ones", "BAM with shared KV minus BAM").Judge(PairedDifference.Of(Of(shared), Of(bam), Mean)),
            Better(ClaimKind.Report, "Soft attention routing beats top-1", "BAM with top-1 attention minus BAM").Judge(PairedDifference.Of(Of(top1), Of(bam), Mean)),
            Better(ClaimKind.Report, "More feed-forward experts do not make up for attention experts", "BTX with 6 experts minus BAM").Judge(PairedDifference.Of(Of(wide), Of(bam), Mean)),
        ];
        var (first, next) = (phases.Seed.Setup.Trainer, phases.Continued.Setup.Trainer);
        string Bits(TinyArm arm) => Of(arm).Runs.Average(run => run[Mean]).ToString("F3", CultureInfo.InvariantCulture);
        return new ExperimentResult(
            $"Parallel blocks, 2 layers of width 64, dense hidden size 128. A dense seed model ({first.Steps} steps of {first.BatchSize} x {first.SequenceLength} bytes on all domains in equal parts, AdamW at 3e-3), "
            + $"a branch of it on each domain ({next.Steps} steps, 93 % its own text, at half the rate), and mixtures of the seed model and the branches ({next.Steps} steps on all domains, at half the rate). "
            + "One feed-forward expert a token at its softmax weight, balance loss 0.01, z-loss 0.001, no loss on the attention router. All arms of a seed start from the same models and, behind the branches, meet the same batches.",
            [.. arms.Values],
            [
                new Metric(Mean, "bits a byte"), .. phases.Domains.Select(domain => new Metric(BamArms.Bits(domain), domain)), new Metric(TinyArm.StartBits, "before the first step"),
                new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"), new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.ActiveParameters, "active", "N0"),
                new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            $"bits a byte {Bits(bam)} against {Bits(btx)} of BTX and {Bits(phases.Continued)} of the seed model trained on; shared KV {Bits(shared)}, top-1 attention {Bits(top1)}")
        {
            Notes =
            [
                "The numbers before the first step are those of random routers and show what the unnormalized top-1 weight does to the feed-forward output, which it makes about a quarter; they are part of the method and no gate.",
                "The paper does not state the coefficients of its losses; 0.01 and 0.001 are this project's. What its further feed-forward experts are made of is not stated either: here experts 5 and 6 are the first two models again.",
                "BAM does more work a token than BTX, so equal steps are the paper's data-matched setting, not the compute-matched one.",
                "A missing claim on the branches would mean that the domains are too alike at this size, and that the other numbers say nothing.",
            ],
        };
    }

    private static double OwnGain(Measurement continued, ArmResult[] branches, int own, string domain)
    {
        var others = branches.Where((_, other) => other != own).Select(branch => branch.Run(continued.Seed)).Append(continued);
        return others.Min(run => run[BamArms.Bits(domain)]) - branches[own].Run(continued.Seed)[BamArms.Bits(domain)];
    }
}
