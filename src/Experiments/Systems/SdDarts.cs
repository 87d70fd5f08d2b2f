using System.Globalization;
using OnnxMoe.Experiments.Searches;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Supernets that are taught by their own earlier states, against plain DARTS (Zhu et al. 2023, arXiv 2302.05629).</summary>
public sealed class SdDarts : Experiment
{
    public override string Name => "39-sd-darts";

    public override string System => "SD-DARTS";

    public override string Paper => "2302.05629";

    public override string Citation => "Zhu, Li, Liu, Wang (2023), Improving Differentiable Architecture Search via Self-Distillation";

    public override string WhatItIs => "differentiable search whose supernet is taught by the vote of its own earlier states";

    public override string Claim => "a supernet that its earlier states teach lies in a flatter minimum and loses less when each edge keeps one operation";

    public override string Recipe => "digits-sd-darts";

    public override string Source => LabeledDataset.Digits;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var setup = context.Cells();
        CellSelectionArm Arm(string name, string description, DistillationOptions distillation) =>
            new(name, description, setup, new() { Distillation = distillation }, SelectionOptions.Magnitude, new() { TuningEpochs = 0 }, probe: true);
        var arms = context.RunAll(
            Arm("DARTS", "no teacher", new()),
            Arm("SD, 1", "the state of the epoch before teaches", new() { Teachers = 1 }),
            Arm("SD, 3", "the states of the three epochs before vote", new() { Teachers = 3 }));
        var (darts, one, three) = (arms[0], arms[1], arms[2]);
        PairedDifference Less(ArmResult arm, string measure) => PairedDifference.Of(darts, arm, measure);
        ClaimResult Flatter(ClaimKind kind, ArmResult arm) => new Claim(kind, $"{arm.Arm.Name}: the loss rises less up its gradient", "nats, of DARTS minus of it").Judge(Less(arm, CellSelectionArm.Ascent));
        ClaimResult Smaller(ClaimKind kind, ArmResult arm) => new Claim(kind, $"{arm.Arm.Name}: less accuracy is lost by discretisation", "share of the images, of DARTS minus of it").Judge(Less(arm, CellSelectionArm.Gap));
        ClaimResult Eigenvalue(ArmResult arm) => new Claim(ClaimKind.Secondary, $"{arm.Arm.Name}: the top eigenvalue is smaller", "of DARTS minus of it").Judge(Less(arm, CellSelectionArm.Eigenvalue));
        ClaimResult Better(ArmResult arm) => new Claim(ClaimKind.Report, $"{arm.Arm.Name}: the retrained genotype is better", "held-out error, difference in percent points")
            .Judge(PairedDifference.Of(darts, run => 100 * (run[CellSelectionArm.Error] - arm.Run(run.Seed)[CellSelectionArm.Error])));
        ClaimResult[] claims =
        [
            Flatter(ClaimKind.Primary, three), Smaller(ClaimKind.Primary, three), Eigenvalue(three),
            Flatter(ClaimKind.Secondary, one), Smaller(ClaimKind.Secondary, one), Eigenvalue(one),
            Better(three), Better(one),
        ];
        string Medians(string measure, double times = 1) => string.Join(" / ", arms.Select(arm => (times * Median(arm, measure)).ToString(times == 1 ? "F3" : "F1", CultureInfo.InvariantCulture)));
        return new ExperimentResult(
            string.Create(CultureInfo.InvariantCulture, $"The network, operations and training of 46-darts-pt: first-order DARTS, {setup.SupernetTraining.Steps} steps of 64 images of each half of the training data. Teachers are states kept every {new DistillationOptions().Interval} steps (about an epoch), weight 1, ")
            + "temperature 1, weight growing over the first fifth. Sharpness is measured on 256 images of the architecture weights' half, by the batch's statistics: the gain of the loss when the architecture weights move by half of their norm "
            + string.Create(CultureInfo.InvariantCulture, $"(up the gradient, and in ten random directions), and the largest eigenvalue of its Hessian. Each edge keeps its largest architecture weight, and the genotype is trained from random weights, {setup.GenotypeTraining.Steps} steps."),
            arms,
            [
                new Metric(CellSelectionArm.Ascent, "gain up the gradient (nats)"), new Metric(CellSelectionArm.Random, "gain at random (nats)"), new Metric(CellSelectionArm.Eigenvalue, "top eigenvalue"),
                new Metric(CellSelectionArm.Mixture, "mixture accuracy"), new Metric(CellSelectionArm.Gap, "accuracy lost by discretisation"), new Metric(CellSelectionArm.Error, "held-out error", "P2"),
                new Metric(CellSelectionArm.None, "none edges", "F1"), new Metric(CellSelectionArm.Skip, "skip edges", "F1"), new Metric(CellSelectionArm.Disconnected, "disconnected", "F1"), new Metric(TinyArm.Seconds, "run (s)", "F0"),
            ],
            claims,
            $"medians of {string.Join(" / ", arms.Select(arm => arm.Arm.Name))}: gain up the gradient {Medians(CellSelectionArm.Ascent)}, top eigenvalue {Medians(CellSelectionArm.Eigenvalue)}, accuracy lost by discretisation {Medians(CellSelectionArm.Gap)}, held-out error {Medians(CellSelectionArm.Error, 100)} %")
        {
            Notes =
            [
                "The authors published no code. The number of teachers, how often states are kept, temperature, weight, its growth, and that the architecture weights learn from the labels alone are this project's choices; so is voting by the mean of probabilities, and how sharpness is measured.",
                "The Hessian is taken by differences of gradients 0.05 to either side: of float gradients at 1e-3 rounding errors would be larger than the eigenvalue.",
                "A genotype that does not connect input and output makes no model; it counts with the error of saying one class of all (90 %).",
                "Medians are given because the gap is anywhere between 0 and nearly all of the accuracy; the claims are judged by means of paired differences like all others here.",
                "Published results are for CIFAR-10 and larger spaces; only the direction is tested.",
            ],
        };
    }

    private static double Median(ArmResult arm, string measure)
    {
        var ordered = arm.Runs.Select(run => run[measure]).Order().ToArray();
        return (ordered[(ordered.Length - 1) / 2] + ordered[ordered.Length / 2]) / 2;
    }
}
