using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Experiments.Systems;

/// <summary>
/// Routing by an average over related tokens, found by similarity or by attention, against each token routing by itself (Nguyen et al.
/// 2025, arXiv 2505.00792): how often the best expert of a token changes late in training.
/// </summary>
public sealed class GraphOfTokens : Experiment
{
    private const double LargerStart = 0.125;
    private const int Tokens = 4096;
    private const string Fluctuation = "fluctuation", Entropy = "entropy", Corrupted = "corrupted_rise", Used = "experts_used", Best = "best_experts";
    private static readonly double[] Checks = [0.5, 0.6, 0.7, 0.8, 0.9, 1];

    public override string Name => "32-graph-of-tokens";

    public override string System => "Graph of Tokens";

    public override string Paper => "2505.00792";

    public override string Citation => "Nguyen et al. (2025), Improving Routing in Sparse Mixture of Experts with Graph of Tokens";

    public override string WhatItIs => "a token's expert probabilities are an average over related tokens of its sequence, found by a learned similarity or by the block's attention";

    public override string Claim => "tokens that route together change their experts less often late in training, and the router is more certain and more robust";

    public override string Recipe => "graph-of-tokens";

    public override int Version => 2; // the root of the width stands outside of the similarity's matrix

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinyArm Arm(string name, string description, Action<ModelOptions> change) => new(name, description, context.Tiny(change), Measure) { CheckAt = Checks, Check = Compare };
        var arms = context.RunAll(
            Arm("each by itself", "top-2 of a token's own probabilities", _ => { }),
            Arm("similarity", "top-2 of the average by similarity, temperature 1 at the start and learned", model => model.Router.Mixer.Kind = "similarity"),
            Arm("attention", "top-2 of the average by the heads' weights, joined by how well a head explains the token", model => model.Router.Mixer.Kind = "attention"),
            Arm("each by itself, larger start", $"router weights of standard deviation {LargerStart} at first, which gives scores of deviation 1", model => model.Router.InitialDeviation = LargerStart),
            Arm("similarity, larger start", "the similarity with the same", model => (model.Router.InitialDeviation, model.Router.Mixer.Kind) = (LargerStart, "similarity")),
            Arm("attention, larger start", "attention with the same", model => (model.Router.InitialDeviation, model.Router.Mixer.Kind) = (LargerStart, "attention")));
        ClaimResult[] claims =
        [
            .. arms.Take(3).Skip(1).SelectMany(arm => Claims(arms[0], arm, ClaimKind.Primary, ClaimKind.Secondary)),
            .. arms.Skip(4).SelectMany(arm => Claims(arms[3], arm, ClaimKind.Report, ClaimKind.Report)),
        ];
        var setup = context.Tiny().Trainer;
        return new ExperimentResult(
            $"4 routed layers of 8 experts, 2 for a token, weights made to sum to 1; balance loss 0.01 on what is selected by; {setup.Steps} steps of {setup.BatchSize} x {setup.SequenceLength} bytes. The routers' best experts for the same {Tokens} validation tokens "
            + "are compared after 50%, 60%, ..., 100% of the steps; fluctuation is the share of tokens and layers at which they differ from one to the next, in the mean.",
            arms,
            [
                new Metric(Fluctuation, "fluctuation"), new Metric(Entropy, "entropy of the probabilities (nats)"), new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Bits, "bits a character"),
                new Metric(Corrupted, "rise with 2.5% wrong characters (nats)"), new Metric(Used, "experts in use of 8", "F1"), new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"),
                new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture, $"fluctuation {Values(arms, Fluctuation, "F3")}; entropy {Values(arms, Entropy, "F2")}; loss {Values(arms, TinyArm.ValidationLoss, "F3")} (each by itself, similarity, attention; then the same with a larger start)"))
        {
            Notes =
            [
                "The paper's equations are not public in full: similarity u W u / (tau root of the width) with W starting as the unit matrix, and heads joined by exp(-|u - o|^2 / 2 sigma^2), both learned, are a reading of its model.",
                "The similarity was first measured with the root inside of W: the same function at the start, but a step of the optimizer moves similarities 8 times as much. At the same three seeds "
                + "that gave a loss of 2.032 nats, and a fluctuation of 0.111, which made the primary claim inconclusive (-0.012 ± 0.026). It was changed once, for the size of the steps, after that measurement.",
                $"Averages of nearly uniform probabilities are nearly the same for all tokens. The arms with a larger start, {LargerStart} = 1 / sqrt(64), were added after a first result, so they are only reported.",
                "A router that always takes the same experts has no fluctuation: an arm that uses fewer than half of the experts is called collapsed, and its claims are left open.",
                "An average of distributions never has less entropy than the mean of theirs, so a more certain router has to learn to be one.",
            ],
        };
    }

    private static IEnumerable<ClaimResult> Claims(ArmResult baseline, ArmResult arm, ClaimKind first, ClaimKind others)
    {
        ClaimResult Judge(ClaimKind kind, string text, string measure, string unit) =>
            Guarded(arm, new Claim(kind, $"{text} ({arm.Arm.Name})", $"{baseline.Arm.Name} minus {arm.Arm.Name} ({unit})").Judge(PairedDifference.Of(baseline, arm, measure)));
        yield return Judge(first, "Best experts change less often late in training", Fluctuation, "share of tokens and layers");
        yield return Judge(others, "The router's probabilities have less entropy", Entropy, "nats");
        yield return Judge(others, "The validation loss is lower", TinyArm.ValidationLoss, "nats");
        yield return Judge(others, "Wrong characters hurt less", Corrupted, "rise of the loss, nats");
    }

    private static ClaimResult Guarded(ArmResult arm, ClaimResult result) =>
        arm.Runs.Any(run => run[Used] < 4) ? result.Open("collapsed: fewer than half of the experts are in use") : result;

    /// <summary>Compares the best experts with those of the check before, and keeps them for the next.</summary>
    private static void Compare(TinyRun run, double at, Measurement result)
    {
        double[] best = [.. run.Snapshot(Tokens).Layers.SelectMany(layer => layer.Probabilities).Select(row => (double)Array.IndexOf(row, row.Max()))];
        if (result.Series.Remove(Best, out var before))
            result[Fluctuation] = result.Values.GetValueOrDefault(Fluctuation) + best.Zip(before).Count(pair => pair.First != pair.Second) / (double)best.Length / (Checks.Length - 1);
        if (at < Checks[^1])
            result.Series[Best] = best;
    }

    private static void Measure(TinyRun run, Measurement result)
    {
        result[Entropy] = run.Snapshot(Tokens).Entropy;
        result[Used] = run.Validation.ExpertLoad.Average(load => load.Count(picks => picks > 0));
        result[Corrupted] = run.CorruptedLoss(InputCorruption.RandomCharacters(0.025, seed: 1)) - run.ValidationLoss;
    }

    private static string Values(IReadOnlyList<ArmResult> arms, string measure, string format) =>
        string.Join(" / ", arms.Select(arm => arm.Runs.Average(run => run[measure]).ToString(format, CultureInfo.InvariantCulture)));
}
