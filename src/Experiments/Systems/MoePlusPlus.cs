using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Zero, copy and constant experts beside feed-forward ones, and gating residuals (Jin et al. 2024, arXiv 2410.07348, section 4).</summary>
public sealed class MoePlusPlus : Experiment
{
    private const int Experts = 8;
    private const int Picks = 2;
    private const string Time = "expert_milliseconds";
    private static readonly double[] Taus = [0.1, 0.5, 1];

    public override string Name => "41-moe-plus-plus";

    public override string System => "MoE++";

    public override string Paper => "2410.07348";

    public override string Citation => "Jin, Zhu, Yuan and Yan (2024), MoE++: Accelerating Mixture-of-Experts Methods with Zero-Computation Experts, ICLR 2025";

    public override string WhatItIs => "zero, copy and constant experts beside feed-forward ones, capacities by kind, and routers that see the scores of the layer before";

    public override string Claim => "tau sets how many of a token's two experts are feed-forward ones, less work being less time, and at tau 1 the loss is no worse than without zero-computation experts";

    public override string Recipe => "moe-plus-plus";

    public override int Version => 2;

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinySetup Setup(double tau, bool mixed = true, bool residual = true) => context.Tiny(model =>
        {
            (model.Router.WeightRule, model.Router.BalanceNorm, model.Router.Capacity.Factor) = ("softmax", "token-share", 1.1);
            if (!mixed)
                return;
            (model.ZeroComputation.Zero, model.ZeroComputation.Copy, model.ZeroComputation.Constant) = (1, 1, 2);
            (model.Router.Tau, model.Router.GatingResidual) = (tau, residual ? "zero" : "none");
        });
        void Measure(TinyRun run, Measurement result)
        {
            new ActiveCounts(run.Snapshot(8192)).Measure(result, Picks);
            result[Time] = ExpertTiming.Milliseconds(run);
        }
        string Tau(double tau) => tau.ToString(CultureInfo.InvariantCulture);
        var vanilla = Setup(1, mixed: false);
        var arms = context.RunAll(
        [
            new TinyArm("top-2", $"{Experts} feed-forward experts, 2 for a token", vanilla, Measure),
            .. Taus.Select(tau => new TinyArm($"tau {Tau(tau)}", $"{Experts} feed-forward, 2 constant, 1 copy and 1 zero expert, 2 for a token, gating residuals, tau {Tau(tau)}", Setup(tau), Measure)),
            new TinyArm("no residuals", "tau 1 without gating residuals", Setup(1, residual: false), Measure),
        ]);
        var (top, low, middle, high, plain) = (arms[0], arms[1], arms[2], arms[3], arms[4]);
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "Feed-forward experts a token increase with tau: 0.5 against 0.1", "feed-forward experts a token, tau 0.5 minus tau 0.1") { EverySeed = true }
                .Judge(PairedDifference.Of(middle, low, TinyArm.ActiveExperts)),
            new Claim(ClaimKind.Primary, "And 1 against 0.5", "feed-forward experts a token, tau 1 minus tau 0.5") { EverySeed = true }.Judge(PairedDifference.Of(high, middle, TinyArm.ActiveExperts)),
            new Claim(ClaimKind.Primary, "They stay below 2", "2 minus feed-forward experts a token at tau 1") { EverySeed = true }.Judge(PairedDifference.Of(high, run => 2 - run[TinyArm.ActiveExperts])),
            new Claim(ClaimKind.Secondary, "The experts of tau 0.1 take less time than those of top-2", "top-2 minus tau 0.1 (ms of processor time a batch)") { EverySeed = true }.Judge(PairedDifference.Of(top, low, Time)),
            new Claim(ClaimKind.Secondary, "The validation loss at tau 1 is no worse than that of top-2", "top-2 minus tau 1 (nats)") { NoWorse = true }
                .Judge(PairedDifference.Of(top, high, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Report, "Gating residuals lower the loss", "without minus with, at tau 1 (nats)").Judge(PairedDifference.Of(plain, high, TinyArm.ValidationLoss)),
        ];
        var trainer = vanilla.Trainer;
        return new ExperimentResult(
            $"All arms have 4 routed layers of width 64 with {Experts} feed-forward experts of hidden size 64 and a linear router, softmax weights as they are, balance loss 0.01 on shares of tokens without a factor N, "
            + $"capacity factor 1.1 of all picks in training; {trainer.Steps} steps of {trainer.BatchSize} x {trainer.SequenceLength} bytes, AdamW at 2e-3. Time is the processor time of the experts alone for a batch of "
            + $"{trainer.BatchSize * trainer.SequenceLength} tokens, the median of 20.",
            arms,
            [
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Bits, "bits a character"), new Metric(TinyArm.ActiveExperts, "feed-forward experts a token"),
                .. ActiveCounts.Metrics(Picks), new Metric(Time, "experts (ms a batch)", "F2"), new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"),
                new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture,
                $"{Mean(low, TinyArm.ActiveExperts):F2}, {Mean(middle, TinyArm.ActiveExperts):F2} and {Mean(high, TinyArm.ActiveExperts):F2} feed-forward experts a token at tau 0.1, 0.5 and 1; loss {Mean(high, TinyArm.ValidationLoss):F3} at tau 1 against {Mean(top, TinyArm.ValidationLoss):F3} nats of top-2"))
        {
            Notes =
            [
                $"The balance loss alone would lead to 2 tau {Experts} / (tau {Experts} + 4) feed-forward experts a token: "
                + string.Join(", ", Taus.Select(tau => (2 * tau * Experts / (tau * Experts + 4)).ToString("F2", CultureInfo.InvariantCulture))) + " at the three tau.",
                "Capacity is by picks: the paper's formula counts tokens, which with two picks a token would drop nearly half of them. Validation drops nothing, so a token may meet more feed-forward experts there than in training.",
                "The matrices of the gating residuals start at zero.",
                "A first run timed the experts by the clock, on a machine that was busy with other work; processor time took its place, as the claim is about work.",
            ],
        };
    }

    private static double Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]);
}
