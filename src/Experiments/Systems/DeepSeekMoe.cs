using System.Globalization;
using OnnxMoe.Experiments.Interventions;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>
/// Fine-grained and shared experts against coarse top-2 experts of the same size and the same compute (Dai et al. 2024, arXiv
/// 2401.06066, sections 4.3 and 4.5).
/// </summary>
public sealed class DeepSeekMoe : Experiment
{
    private const int CoarseExperts = 8;
    private const int CoarseHidden = 128;
    private const int Segments = 4; // m: a coarse expert is cut into so many
    private const int Shared = 1;
    private const int Routed = Segments * CoarseExperts - Shared;
    private const int RoutedActive = Segments * 2 - Shared;
    private const string SharedOff = "shared_off", LowestDropped = "lowest_dropped", HalfActive = "half_active", MaskedEighth = "masked_eighth", MaskedQuarter = "masked_quarter", MaskedEighthFull = "masked_eighth_full_weight", MaskedQuarterFull = "masked_quarter_full_weight";

    public override string Name => "20-deepseekmoe";

    public override string System => "DeepSeekMoE";

    public override string Paper => "2401.06066";

    public override string Citation => "Dai et al. (2024), DeepSeekMoE: Towards Ultimate Expert Specialization in Mixture-of-Experts Language Models, ACL 2024";

    public override string WhatItIs => "experts cut into m smaller ones of which m times as many are active, and shared experts that are always on";

    public override string Claim =>
        "what a shared expert knows is not found in the routed ones, and fine-grained experts repeat each other less than coarse ones at equal size and compute";

    public override string Recipe => "deepseekmoe";

    public override int Version => 2;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var coarseSetup = context.Tiny(model => (model.Experts, model.ExpertsPerToken, model.ExpertHidden) = (CoarseExperts, 2, CoarseHidden));
        var fineSetup = context.Tiny(model =>
        {
            (model.Experts, model.ExpertsPerToken, model.ExpertHidden) = (Routed, RoutedActive, CoarseHidden / Segments);
            (model.SharedExperts, model.Router.WeightRule) = (Shared, "softmax");
        });
        var arms = context.RunAll(
            new TinyArm("GShard-like", $"{CoarseExperts} experts of hidden size {CoarseHidden}, 2 for a token, weights made to sum to 1", coarseSetup, MeasureCoarse),
            new TinyArm("DeepSeekMoE", $"{Shared} shared and {Routed} routed experts of hidden size {CoarseHidden / Segments}, {RoutedActive} routed for a token, softmax weights as they are", fineSetup, MeasureFine));
        var (coarse, fine) = (arms[0], arms[1]);
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "A shared expert cannot be replaced by one more routed expert", "rise of the validation loss without the shared expert and with one more routed one, "
                + "minus the rise without the lowest-ranked active routed expert (nats)").Judge(PairedDifference.Of(fine, SharedOff, fine, LowestDropped)),
            new Claim(ClaimKind.Secondary, "Fine-grained experts are less redundant: masking the top 1/8 of them hurts more", "relative rise of the validation loss, DeepSeekMoE minus GShard-like")
                .Judge(PairedDifference.Of(fine, coarse, MaskedEighth)),
            new Claim(ClaimKind.Secondary, "The same with the top 1/4 masked", "relative rise of the validation loss, DeepSeekMoE minus GShard-like").Judge(PairedDifference.Of(fine, coarse, MaskedQuarter)),
            new Claim(ClaimKind.Report, "Top 1/8 masked, the remaining experts at the full weight in both arms", "relative rise of the validation loss, DeepSeekMoE minus GShard-like")
                .Judge(PairedDifference.Of(fine, MaskedEighthFull, coarse, MaskedEighth)),
            new Claim(ClaimKind.Report, "Top 1/4 masked, the remaining experts at the full weight in both arms", "relative rise of the validation loss, DeepSeekMoE minus GShard-like")
                .Judge(PairedDifference.Of(fine, MaskedQuarterFull, coarse, MaskedQuarter)),
            new Claim(ClaimKind.Report, "Lower validation loss at equal size and compute", "GShard-like minus DeepSeekMoE (nats)").Judge(PairedDifference.Of(coarse, fine, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Report, "With only 4 routed experts active it still matches GShard-like", "GShard-like minus DeepSeekMoE with 4 active (nats)")
                .Judge(PairedDifference.Of(coarse, TinyArm.ValidationLoss, fine, HalfActive)),
        ];
        var setup = coarseSetup.Trainer;
        return new ExperimentResult(
            $"Both arms have 4 routed layers of width 64 with the same number of expert weights and of active expert weights; balance loss 0.01, no z-loss; {setup.Steps} steps of {setup.BatchSize} x {setup.SequenceLength} bytes, "
            + "AdamW at 2e-3. Experts are switched off and masked in the trained models, on the validation text.",
            arms,
            [
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Bits, "bits a character"),
                new Metric(SharedOff, "rise: shared off, +1 routed (nats)"), new Metric(LowestDropped, "rise: lowest routed off (nats)"), new Metric(HalfActive, "loss with 4 routed (nats)"),
                new Metric(MaskedEighth, "relative rise: top 1/8 masked"), new Metric(MaskedQuarter, "relative rise: top 1/4 masked"),
                new Metric(MaskedEighthFull, "top 1/8, full weight"), new Metric(MaskedQuarterFull, "top 1/4, full weight"),
                new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"),
                new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.ActiveParameters, "active", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture,
                $"loss {Mean(fine, TinyArm.ValidationLoss):F3} against {Mean(coarse, TinyArm.ValidationLoss):F3} nats of top-2 at equal size; shared expert off +{Mean(fine, SharedOff):F2} nats, lowest routed one off +{Mean(fine, LowestDropped):F3}"))
        {
            Notes =
            [
                "The paper masks up to 4/16 of the experts. 1/16 of 8 coarse experts is half an expert, so 1/8 and 1/4 are masked: 1 and 2 of 8, 4 and 8 of 31.",
                "Masking acts on the weights too: GShard-like makes the weights of the two next experts sum to 1, as in training, and DeepSeekMoE takes the softmax as it is, of which little is left without the top experts. "
                + "The full-weight columns scale DeepSeekMoE's weights to the sum they had before; they were added after a first result, so they are only reported.",
                "A masked DeepSeekMoE still has its shared expert, which GShard-like has not, so masking compares more than the redundancy of experts.",
                "DeepSeekMoE's router has 31 rows and the other's 8, which is the whole difference in parameters.",
            ],
        };
    }

    private static void MeasureCoarse(TinyRun run, Measurement result)
    {
        result[MaskedEighth] = Rise(run, new PickRanks(CoarseExperts / 8, 2, keepSum: true)) / run.ValidationLoss;
        result[MaskedQuarter] = Rise(run, new PickRanks(CoarseExperts / 4, 2, keepSum: true)) / run.ValidationLoss;
    }

    private static void MeasureFine(TinyRun run, Measurement result)
    {
        result[SharedOff] = Rise(run, new PickRanks(0, RoutedActive + 1, keepSum: false, shared: false));
        result[LowestDropped] = Rise(run, new PickRanks(0, RoutedActive - 1, keepSum: false));
        result[HalfActive] = Rise(run, new PickRanks(0, 4, keepSum: false)) + run.ValidationLoss;
        result[MaskedEighth] = Rise(run, new PickRanks((int)Math.Round(Routed / 8.0), RoutedActive, keepSum: false)) / run.ValidationLoss;
        result[MaskedQuarter] = Rise(run, new PickRanks((int)Math.Round(Routed / 4.0), RoutedActive, keepSum: false)) / run.ValidationLoss;
        result[MaskedEighthFull] = Rise(run, new PickRanks((int)Math.Round(Routed / 8.0), RoutedActive, keepSum: true)) / run.ValidationLoss;
        result[MaskedQuarterFull] = Rise(run, new PickRanks((int)Math.Round(Routed / 4.0), RoutedActive, keepSum: true)) / run.ValidationLoss;
    }

    private static double Rise(TinyRun run, PickRanks intervention) => run.Evaluate(new EvaluationHooks { Intervention = intervention }).Loss - run.ValidationLoss;

    private static double Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]);
}
