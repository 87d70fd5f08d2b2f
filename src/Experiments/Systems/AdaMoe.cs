using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Null experts against a fixed number of experts for every token (Zeng et al. 2024, arXiv 2406.13233, section 4).</summary>
public sealed class AdaMoe : Experiment
{
    private const int Picks = 3;
    private const string Schedule = "0:0.02,0.5:0.0001";

    public override string Name => "37-adamoe";

    public override string System => "AdaMoE";

    public override string Paper => "2406.13233";

    public override string Citation => "Zeng, Miao, Gao, Zhang and Deng (2024), AdaMoE: Token-Adaptive Routing with Null Experts for Mixture-of-Experts Language Models, Findings of EMNLP 2024";

    public override string WhatItIs => "null experts that do nothing among those a token picks, so that tokens meet different numbers of true ones";

    public override string Claim => "with null experts a token meets fewer true experts than with top-2, at no loss of quality";

    public override string Recipe => "adamoe";

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinySetup Setup(int nulls, int picks, bool bucket = true) => context.Tiny(model =>
        {
            (model.ZeroComputation.Zero, model.ExpertsPerToken) = (nulls, picks);
            (model.Router.BalanceNorm, model.Router.BalanceSchedule, model.Router.NullBucket) = ("tokens", Schedule, bucket && nulls > 0);
        });
        TinyArm Arm(string name, string description, int nulls, bool bucket = true) =>
            new(name, description, Setup(nulls, Picks, bucket), (run, result) => new ActiveCounts(run.Snapshot(8192)).Measure(result, Picks));

        var topTwo = Setup(0, 2);
        var arms = context.RunAll(
            new TinyArm("top-2", "8 experts, 2 for a token, weights made to sum to 1", topTwo),
            Arm("AdaMoE", "8 true and 8 null experts, 3 for a token, nulls balanced as one", 8),
            Arm("separate nulls", "the same, each null balanced by itself", 8, bucket: false),
            Arm("4 nulls", "AdaMoE with 4 null experts", 4),
            Arm("16 nulls", "AdaMoE with 16 null experts", 16));
        var (baseline, adamoe, separate, few, many) = (arms[0], arms[1], arms[2], arms[3], arms[4]);
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "A token meets clearly fewer than 2 true experts", "2 minus the mean number of true experts") { Margin = 0.1, EverySeed = true }
                .Judge(PairedDifference.Of(adamoe, run => 2 - run[TinyArm.ActiveExperts])),
            new Claim(ClaimKind.Primary, "The validation loss is no worse than that of top-2", "top-2 minus AdaMoE (nats)") { NoWorse = true }
                .Judge(PairedDifference.Of(baseline, adamoe, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Secondary, "Tokens meet different numbers of true experts", "standard deviation over tokens") { EverySeed = true }
                .Judge(PairedDifference.Of(adamoe, run => run[ActiveCounts.Deviation])),
            new Claim(ClaimKind.Secondary, "The number of nulls controls the load: 4 leave more true experts than 16", "true experts a token, 4 nulls minus 16") { EverySeed = true }
                .Judge(PairedDifference.Of(few, many, TinyArm.ActiveExperts)),
            new Claim(ClaimKind.Report, "Balancing nulls as one gives a lower loss than balancing each", "separate nulls minus AdaMoE (nats)").Judge(PairedDifference.Of(separate, adamoe, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Report, "Balancing nulls as one gives another load", "true experts a token, separate nulls minus AdaMoE").Judge(PairedDifference.Of(separate, adamoe, TinyArm.ActiveExperts)),
        ];
        var trainer = topTwo.Trainer;
        return new ExperimentResult(
            $"All arms have 4 routed layers of width 64 with 8 true experts of hidden size 64; balance loss 0.02 in the first half of the training and 1e-4 in the second, on the share of tokens that picked an expert; "
            + $"weights sum to 1 over the true experts; {trainer.Steps} steps of {trainer.BatchSize} x {trainer.SequenceLength} bytes, AdamW at 2e-3.",
            arms,
            [
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Bits, "bits a character"), new Metric(TinyArm.ActiveExperts, "true experts a token"),
                .. ActiveCounts.Metrics(Picks), new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture,
                $"{Mean(adamoe, TinyArm.ActiveExperts):F2} true experts a token instead of 2, loss {Mean(adamoe, TinyArm.ValidationLoss):F3} against {Mean(baseline, TinyArm.ValidationLoss):F3} nats of top-2"))
        {
            Notes =
            [
                "The paper fine-tunes Mixtral-8x7B and adds LoRA experts to Llama 2; here models are trained from random weights.",
                "At perfect balance a token would meet 3 x 8 / (8 + nulls) true experts: 2.00, 1.50 and 1.00 with 4, 8 and 16 nulls.",
                "Only the balance loss moves the nulls' scores: in the weights they cancel.",
            ],
        };
    }

    private static double Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]);
}
