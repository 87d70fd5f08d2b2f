using System.Globalization;
using OnnxMoe.Experiments.Searches;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Systems;

/// <summary>The operations of one supernet decided by architecture weights and by deletions (Wang et al. 2021, arXiv 2108.04392).</summary>
public sealed class DartsPt : Experiment
{
    private const int RandomGenotypes = 5;

    public override string Name => "46-darts-pt";

    public override string System => "DARTS-PT";

    public override string Paper => "2108.04392";

    public override string Citation => "Wang, Cheng, Chen, Tang, Hsieh (2021), Rethinking Architecture Selection in Differentiable NAS";

    public override string WhatItIs => "the last step of differentiable search: each edge of the supernet keeps the operation without which the supernet does worst, with training between the decisions";

    public override string Claim => "of the same supernet, deletions choose better operations than architecture weights do, and it is not the training in between alone";

    public override string Recipe => "digits-darts-pt";

    public override string Source => LabeledDataset.Digits;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var setup = context.Cells();
        CellSelectionArm Arm(string name, string description, string method, int tuning, bool frozen = false) =>
            new(name, description, setup, new() { FrozenAlpha = frozen }, method, new() { Criterion = "loss", TuningEpochs = tuning });
        var arms = context.RunAll(
            Arm("magnitude", "the largest architecture weight of each edge, all at once", SelectionOptions.Magnitude, 0),
            Arm("magnitude, tuned", "the largest architecture weight, edge by edge, an epoch of training between two", SelectionOptions.Magnitude, 1),
            Arm("PT", "the deletion that raises the loss most, edge by edge, an epoch of training between two", SelectionOptions.Perturbation, 1),
            Arm("PT, frozen", "as PT, from a supernet whose architecture weights were never trained", SelectionOptions.Perturbation, 1, frozen: true),
            new RandomGenotypesArm(setup, RandomGenotypes));
        var (magnitude, tuned, pt, frozen, random) = (arms[0], arms[1], arms[2], arms[3], arms[4]);
        const string points = "held-out error of the retrained genotype, difference in percent points";
        PairedDifference Points(ArmResult worse, ArmResult better) => PairedDifference.Of(worse, run => 100 * (run[CellSelectionArm.Error] - better.Run(run.Seed)[CellSelectionArm.Error]));
        PairedDifference Edges(ArmResult more, ArmResult fewer) => PairedDifference.Of(more, run => Empty(run) - Empty(fewer.Run(run.Seed)));
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "Deletions choose better than architecture weights", points).Judge(Points(magnitude, pt)),
            new Claim(ClaimKind.Secondary, "Training between the decisions does not explain it", points).Judge(Points(tuned, pt)),
            new Claim(ClaimKind.Secondary, "Architecture weights choose more edges without a convolution or pooling (none, skip)", "edges, difference").Judge(Edges(magnitude, pt)),
            new Claim(ClaimKind.Secondary, "Deletions choose better than architecture weights even from a supernet whose weights were never trained", points).Judge(Points(magnitude, frozen)),
            new Claim(ClaimKind.Report, "Training the architecture weights helps the deletions", points).Judge(Points(frozen, pt)),
            new Claim(ClaimKind.Report, "Deletions choose better than chance", points).Judge(Points(random, pt)),
            new Claim(ClaimKind.Report, "Architecture weights choose better than chance", points).Judge(Points(random, magnitude)),
        ];
        string Text(ArmResult arm) => string.Create(CultureInfo.InvariantCulture, $"{100 * arm.Runs.Average(run => run[CellSelectionArm.Error]):F1}");
        return new ExperimentResult(
            string.Create(CultureInfo.InvariantCulture, $"A network of two cells (8 and 16 channels) of 4 nodes and 6 edges, 5 operations an edge (none, skip, average pooling, 1x1 and 3x3 convolution). First-order DARTS, {setup.SupernetTraining.Steps} steps of 64 images of each ")
            + string.Create(CultureInfo.InvariantCulture, $"half of the training data; then the arms decide the operations, and the genotype is trained on all training data from random weights, {setup.GenotypeTraining.Steps} steps of 64. ")
            + "Errors are of its last weights on the 599 images that neither training nor search saw. The first three arms decide about the same supernet.",
            arms,
            [
                new Metric(CellSelectionArm.Error, "held-out error", "P2"), new Metric(TinyArm.ValidationLoss, "held-out loss (nats)"), new Metric(CellSelectionArm.None, "none edges", "F1"), new Metric(CellSelectionArm.Skip, "skip edges", "F1"),
                new Metric(CellSelectionArm.Disconnected, "disconnected", "F1"), new Metric(CellSelectionArm.Mixture, "mixture accuracy"), new Metric(CellSelectionArm.Gap, "accuracy lost by discretisation"),
                new Metric(TinyArm.Seconds, "run (s)", "F0"),
            ],
            claims,
            $"held-out error {Text(magnitude)} % by magnitude, {Text(tuned)} % tuned, {Text(pt)} % by deletions, {Text(frozen)} % with frozen architecture weights, {Text(random)} % at random")
        {
            Notes =
            [
                "The criterion is the loss (599 images would quantise accuracies to 0.17 %), on the half of the training data that the architecture weights are trained on; the released code uses accuracy, and 5 epochs between decisions of 50 to 100 epochs of search.",
                "At this length Adam can move an architecture weight by little more than 0.1 (375 steps of 3e-4), so shares stay near a fifth and trained and frozen supernets differ little: deletions may choose the same genotype from both.",
                "A genotype that does not connect input and output makes no model; it counts with the error of saying one class of all (90 %).",
                "The first arm of a seed has the supernet's training in its time, and so has the first with frozen architecture weights.",
                "Published results are for CIFAR-10 and larger spaces; only the direction is tested.",
            ],
        };
    }

    private static double Empty(Measurement run) => run[CellSelectionArm.None] + run[CellSelectionArm.Skip];
}
