using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Top-p routing with three strengths of the entropy loss against top-2 (Huang et al. 2024, arXiv 2403.07652).</summary>
public sealed class DynamicMoe : Experiment
{
    private const int Tokens = 8192;
    private const double Threshold = 0.4;
    private const string First = "first_experts", Fall = "fall", Hard = "hard_experts", Easy = "easy_experts", Lowest = "lowest_layer", Highest = "highest_layer", Used = "used_experts";
    private const string Losses = "token_losses", Counts = "token_experts";

    public override string Name => "43-dynamic-moe";

    public override string System => "Dynamic MoE";

    public override string Paper => "2403.07652";

    public override string Citation => "Huang et al. (2024), Harder Tasks Need More Experts: Dynamic Routing in MoE Models, ACL 2024";

    public override string WhatItIs => "top-p routing: experts are added in the order of their probability until it sums to p, so that certain tokens use one and uncertain ones several";

    public override string Claim => "the entropy loss makes the mean number of experts fall in training, below top-2's, without a worse loss";

    public override string Recipe => "dynamic-moe";

    public override ExperimentResult Run(ExperimentContext context)
    {
        var top2 = new TinyArm("top-2", "2 experts for a token, weights made to sum to 1", context.Tiny(), (run, result) => result.Series[Losses] = [.. run.Snapshot(Tokens).Losses]);
        TinyArm Dynamic(string name, double entropy) => new(name, string.Create(CultureInfo.InvariantCulture, $"top-p of {Threshold}, weights as they are, entropy loss {entropy}"),
            context.Tiny(model =>
            {
                (model.ExpertsPerToken, model.Router.Selection, model.Router.WeightRule) = (model.Experts, "topp", "softmax");
                (model.Router.TopP.P, model.Router.EntropyLoss, model.Router.BalanceNorm) = (Threshold, entropy, "tokens");
            }), MeasureDynamic)
        {
            CheckAt = [0],
            Check = (run, _, result) => result[First] = run.Evaluate().ActiveExperts.Average(),
        };
        var arms = context.RunAll(top2, Dynamic("p, no entropy loss", 0), Dynamic("p, entropy 1e-4", 1e-4), Dynamic("p, entropy 1e-2", 1e-2));
        var (reference, free, weak, strong) = (arms[0], arms[1], arms[2], arms[3]);
        foreach (var arm in arms.Skip(1))
        {
            foreach (var run in arm.Runs.Where(run => run.Series.ContainsKey(Counts)))
                (run[Hard], run[Easy]) = ByDifficulty(run, reference.Run(run.Seed));
        }
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "The mean number of experts falls in training (entropy 1e-2)", "experts a token after the first step minus at the end") { EverySeed = true }
                .Judge(PairedDifference.Of(strong, run => run[Fall])),
            new Claim(ClaimKind.Primary, "The entropy loss of 1e-2 lowers the number of experts", "experts a token without the loss minus with it") { EverySeed = true }
                .Judge(PairedDifference.Of(free, strong, TinyArm.ActiveExperts)),
            new Claim(ClaimKind.Secondary, "The number falls with the paper's coefficient too (1e-4)", "experts a token after the first step minus at the end").Judge(PairedDifference.Of(weak, run => run[Fall])),
            new Claim(ClaimKind.Secondary, "The paper's coefficient lowers the number of experts", "experts a token without the loss minus with 1e-4").Judge(PairedDifference.Of(free, weak, TinyArm.ActiveExperts)),
            new Claim(ClaimKind.Secondary, "With entropy 1e-2 a token uses fewer than 2 experts", "2 minus experts a token").Judge(PairedDifference.Of(strong, run => 2 - run[TinyArm.ActiveExperts])),
            new Claim(ClaimKind.Secondary, "The loss is not worse than top-2's (entropy 1e-2)", "validation loss of top-2 minus of top-p (nats)") { NoWorse = true }
                .Judge(PairedDifference.Of(reference, strong, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Report, "Hard tokens use more experts than easy ones (entropy 1e-2)", "experts a token, hardest fifth minus easiest fifth by the loss of top-2")
                .Judge(PairedDifference.Of(strong, run => run[Hard] - run[Easy])),
            new Claim(ClaimKind.Report, "Lower layers use more experts than upper ones (entropy 1e-2)", "experts a token, first layer minus last").Judge(PairedDifference.Of(strong, run => run[Lowest] - run[Highest])),
        ];
        var setup = top2.Setup.Trainer;
        return new ExperimentResult(
            $"4 routed layers of 8 experts; balance loss 0.01 (not divided by the number of picks for top-p, as published), no z-loss; {setup.Steps} steps of {setup.BatchSize} x {setup.SequenceLength} bytes. "
            + $"Experts a token are means over layers and validation tokens; difficulty is the loss of top-2 of the same seed on {Tokens} tokens.",
            arms,
            [
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Bits, "bits a character"), new Metric(First, "experts after step 1", "F2"),
                new Metric(TinyArm.ActiveExperts, "experts at the end", "F2"), new Metric(Easy, "easiest fifth", "F2"), new Metric(Hard, "hardest fifth", "F2"),
                new Metric(Lowest, "first layer", "F2"), new Metric(Highest, "last layer", "F2"), new Metric(Used, "experts in use of 8", "F1"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture,
                $"experts a token {Mean(strong, First):F2} -> {Mean(strong, TinyArm.ActiveExperts):F2} with entropy loss 1e-2 ({Mean(free, TinyArm.ActiveExperts):F2} without); loss {Mean(strong, TinyArm.ValidationLoss):F3} against {Mean(reference, TinyArm.ValidationLoss):F3} nats of top-2"))
        {
            Notes =
            [
                "The paper's coefficient of the entropy loss, 1e-4, acts over 100 billion tokens. A run of 400 steps needs a stronger pull, so 1e-2 is the arm that the primary claims are about.",
                "The paper's claim on difficulty is about tasks, not about tokens, so the two fifths are only reported.",
            ],
        };
    }

    private static void MeasureDynamic(TinyRun run, Measurement result)
    {
        var snapshot = run.Snapshot(Tokens);
        var counts = snapshot.Layers.Select(layer => layer.Indices.Select(row => (double)row.Count(e => e >= 0)).ToArray()).ToArray();
        result.Series[Counts] = [.. Enumerable.Range(0, snapshot.Tokens).Select(t => counts.Average(layer => layer[t]))];
        result[Fall] = result[First] - run.ActiveExperts;
        (result[Lowest], result[Highest]) = (run.Validation.ActiveExperts[0], run.Validation.ActiveExperts[^1]);
        result[Used] = run.Validation.ExpertLoad.Average(load => load.Count(picks => picks > 0));
    }

    private static (double Hard, double Easy) ByDifficulty(Measurement run, Measurement reference)
    {
        if (!reference.Series.TryGetValue(Losses, out var losses))
            return (double.NaN, double.NaN);
        var order = Enumerable.Range(0, losses.Length).OrderBy(t => losses[t]).ToArray();
        var (counts, fifth) = (run.Series[Counts], losses.Length / 5);
        return (order[^fifth..].Average(t => counts[t]), order[..fifth].Average(t => counts[t]));
    }

    private static double Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]);
}
