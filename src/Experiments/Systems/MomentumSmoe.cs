using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Systems;

/// <summary>
/// Heavy-ball momentum over depth against the plain layer, clean and with replaced inputs, and against a plain layer of the same
/// effective step (Teo and Nguyen 2024, arXiv 2410.14574).
/// </summary>
public sealed class MomentumSmoe : Experiment
{
    private const double Rate = 0.025;
    private const string Attacked = "attacked_loss", Rise = "attack_rise";

    public override string Name => "38-momentumsmoe";

    public override string System => "MomentumSMoE";

    public override string Paper => "2410.14574";

    public override string Citation => "Teo and Nguyen (2024), MomentumSMoE: Integrating Momentum into Sparse Mixture of Experts, NeurIPS 2024";

    public override string WhatItIs => "a momentum is carried from routed layer to routed layer, as if the layers were steps of a gradient descent (heavy ball, Adam in the first layer, robust)";

    public override string Claim => "momentum over depth lowers the loss, and the rise of the loss when inputs are replaced";

    public override string Recipe => "momentumsmoe";

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinyArm Arm(string name, string description, double momentum, double step) => new(name, description, context.Tiny(model =>
        {
            (model.Layers, model.Router.Bias) = (6, true);
            (model.Gated, model.Activation, model.FfnBias) = (false, "relu", true);
            (model.Residual.Kind, model.Residual.Momentum, model.Residual.Step) = (momentum == 0 && step == 1 ? "plain" : "heavy-ball", momentum, step);
        }), Measure);
        var arms = context.RunAll(
            Arm("plain", "x + f(x)", 0, 1),
            Arm("mu 0.7", "heavy ball, mu 0.7, gamma 1", 0.7, 1),
            Arm("mu 0.3", "heavy ball, mu 0.3, gamma 1", 0.3, 1),
            Arm("plain, step 3.33", "x + 3.33 f(x): the effective step of mu 0.7 without momentum", 0, 1 / 0.3));
        var (plain, strong, weak, step) = (arms[0], arms[1], arms[2], arms[3]);
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "Lower loss with mu 0.7", "validation loss of plain minus of mu 0.7 (nats)").Judge(PairedDifference.Of(plain, strong, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Primary, "A smaller rise under attack with mu 0.7", "rise of plain minus of mu 0.7 (nats)").Judge(PairedDifference.Of(plain, strong, Rise)),
            new Claim(ClaimKind.Secondary, "Lower loss with mu 0.3", "validation loss of plain minus of mu 0.3 (nats)").Judge(PairedDifference.Of(plain, weak, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Secondary, "A smaller rise under attack with mu 0.3", "rise of plain minus of mu 0.3 (nats)").Judge(PairedDifference.Of(plain, weak, Rise)),
            new Claim(ClaimKind.Secondary, "It is momentum, not a larger step: mu 0.7 is better than plain with a step of 3.33", "validation loss of plain with step 3.33 minus of mu 0.7 (nats)")
                .Judge(PairedDifference.Of(step, strong, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Report, "The larger step alone lowers the loss", "validation loss of plain minus of plain with step 3.33 (nats)").Judge(PairedDifference.Of(plain, step, TinyArm.ValidationLoss)),
        ];
        var setup = arms[0].Arm is TinyArm tiny ? tiny.Setup.Trainer : throw new InvalidOperationException();
        return new ExperimentResult(
            string.Create(CultureInfo.InvariantCulture,
                $"6 pre-norm blocks with routed layers of 8 ReLU experts of hidden size 64 with biases, 2 for a token; balance loss 0.01 in all arms; {setup.Steps} steps of {setup.BatchSize} x {setup.SequenceLength} bytes. Attack: {Rate:P1} of the input bytes of the validation text, at the same positions for all arms, become '#'."),
            arms,
            [
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Bits, "bits a character"), new Metric(Attacked, "attacked loss (nats)"), new Metric(Rise, "rise (nats)"),
                new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture,
                $"loss {Mean(strong, TinyArm.ValidationLoss):F3} with mu 0.7, {Mean(weak, TinyArm.ValidationLoss):F3} with mu 0.3, {Mean(plain, TinyArm.ValidationLoss):F3} plain; rise under attack {Mean(strong, Rise):F3}, {Mean(weak, Rise):F3}, {Mean(plain, Rise):F3} nats"))
        {
            Notes =
            [
                "The paper swaps words for a generic token; here bytes are replaced by a fixed symbol.",
                "The released code has post-norm blocks with a double residual and, in effect, no balance loss; here all arms have pre-norm blocks and the same balance loss.",
            ],
        };
    }

    private static void Measure(TinyRun run, Measurement result)
    {
        result[Attacked] = run.CorruptedLoss(new InputCorruption(Rate, 7, ['#']));
        result[Rise] = result[Attacked] - run.ValidationLoss;
    }

    private static double Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]);
}
