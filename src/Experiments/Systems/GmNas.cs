using System.Globalization;
using OnnxMoe.Experiments.Searches;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>A supernet split where gradients disagree, against other splits and none (Hu et al. 2022, arXiv 2203.15207).</summary>
public sealed class GmNas : Experiment
{
    private const int FirstSplit = 80, SecondSplit = 160, Repeats = 20;
    private const string Training = "training_gain", HeldOut = "held_out_gain";

    public override string Name => "11-gm-few-shot-nas";

    public override string System => "GM-NAS";

    public override string Paper => "2203.15207";

    public override string Citation => "Hu et al. (2022), Generalizing Few-Shot NAS with Gradient Matching";

    public override string WhatItIs => "a supernet that becomes several: edges are split into groups of operations that want the same of the weights they share";

    public override string Claim => "sub-supernets split by gradients rank architectures better than ones split at random, and these better than one supernet";

    public override string Recipe => "digits-gm-nas";

    public override string Source => LabeledDataset.Digits;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var pixels = new Lazy<LabeledDataset>(() => context.Images());
        RankingArm Arm(string name, string description, SplitOptions split, bool check = false) =>
            new(name, description, new() { Paths = "uniform", Split = split }, pixels, context.Threads) { Check = check ? CompareGroups : null };
        SplitOptions Twice(string by) => new() { At = [FirstSplit, SecondSplit], By = by, Repeats = Repeats };
        var arms = context.RunAll(
            new OwnTrainingArm(pixels, context.Threads),
            Arm("one supernet", "not split", new()),
            Arm("exhaustive", $"one edge at random, all 4 operations apart from step {SecondSplit}: 4 supernets (few-shot NAS)", new() { At = [SecondSplit], By = "exhaustive" }),
            Arm("random", $"two edges, operations in random pairs, from steps {FirstSplit} and {SecondSplit}: 4 supernets", Twice("random")),
            Arm("gradients", $"the same, edges and pairs by the gradients' cosines over {Repeats} batches (GM-NAS)", Twice("gradient"), check: true));
        var (own, one, exhaustive, random, gradients) = (arms[0], arms[1], arms[2], arms[3], arms[4]);
        var truth = OwnTrainingArm.Truth(own);
        OwnTrainingArm.Judge(arms, truth);
        ClaimResult Better(ClaimKind kind, ArmResult better, ArmResult worse, string measure) => new Claim(kind,
            measure == RankingArm.Kendall ? $"{better.Arm.Name} ranks better than {worse.Arm.Name}" : $"what {better.Arm.Name} puts first is better than what {worse.Arm.Name} does",
            measure == RankingArm.Kendall ? "Kendall's tau, difference" : "true accuracy, difference").Judge(PairedDifference.Of(better, worse, measure));
        ClaimResult Apart(ClaimKind kind, string where, string measure) => new Claim(kind, $"on {where} batches the groups found by gradients are farther apart than random ones",
            "mean distance across groups, less that of all partitions, mean over edges").Judge(PairedDifference.Of(gradients, run => run[measure]));
        ClaimResult[] claims =
        [
            Better(ClaimKind.Primary, gradients, random, RankingArm.Kendall),
            Better(ClaimKind.Primary, gradients, one, RankingArm.Kendall),
            Apart(ClaimKind.Secondary, "held-out", HeldOut),
            Apart(ClaimKind.Report, "the training", Training),
            Better(ClaimKind.Secondary, random, one, RankingArm.Kendall),
            Better(ClaimKind.Report, gradients, exhaustive, RankingArm.Kendall),
            Better(ClaimKind.Report, exhaustive, one, RankingArm.Kendall),
            .. new[] { one, random, exhaustive }.Select(other => Better(ClaimKind.Report, gradients, other, RankingArm.Best)),
        ];
        string Mean(ArmResult arm, string format = "F3", string measure = RankingArm.Kendall) => arm.Runs.Average(run => run[measure]).ToString(format, CultureInfo.InvariantCulture);
        return new ExperimentResult(
            $"{DigitCells.Description} All supernets of an arm together make the same number of steps, in turns; an architecture is scored in the one that has it.",
            arms,
            [
                new Metric(RankingArm.Kendall, "Kendall's tau", "F3"), new Metric(RankingArm.Best, "true accuracy of the first", "P2"), new Metric(HeldOut, "distance gained, held-out batches", "F3"),
                new Metric(Training, "distance gained, training batches", "F3"), new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Seconds, "time (s)", "F1"),
            ],
            claims,
            $"Kendall's tau {Mean(one)} of one supernet, {Mean(random)} of 4 split at random, {Mean(gradients)} by gradients, {Mean(exhaustive)} of one edge split wholly; groups' distance on held-out batches {Mean(gradients, "+0.000;-0.000", HeldOut)} of the mean partition's")
        {
            Notes =
            [
                $"Steps are equal in all: each of 4 supernets gets a quarter of those after step {SecondSplit}. The paper trains every sub-supernet as long as the one before.",
                "The cosines cost passes of their own, which are not counted as steps: 3 edges times 4 operations times the batches for each split.",
                $"A reading that is not tested by itself: each of 4 supernets learns less in a quarter of the steps, and those that have operations without weights learn faster, so that losses of different supernets compare badly: networks of convolutions alone lose {Gap(gradients)} nats more than "
                + $"networks without any where gradients split, {Gap(random)} where chance did, {Gap(one)} in one supernet, although they are nearly as accurate by themselves.",
                $"True accuracies of the {DigitCells.Space.Size} architectures: {truth.Min():P1} to {truth.Max():P1}. A run of 'each by itself' is scored against the mean of all, of which it is a part.",
                "The paper's host algorithms (DARTS, SNAS, ProxylessNAS, OFA) are left out; this is random sampling with parameter sharing, the plainest of them.",
            ],
        };
    }

    /// <summary>Mean loss of networks of convolutions alone less that of networks without any, in nats.</summary>
    private static string Gap(ArmResult arm)
    {
        bool[][] convolves = [.. DigitCells.Space.All().Select(architecture => CellClassifier.GenotypeOf(architecture).Select(op => op.StartsWith("conv", StringComparison.Ordinal)).ToArray())];
        double Mean(Measurement run, bool wanted) => run.Series[RankingArm.Losses].Where((_, i) => convolves[i].All(does => does == wanted)).Average();
        return arm.Runs.Average(run => Mean(run, true) - Mean(run, false)).ToString("F2", CultureInfo.InvariantCulture);
    }

    /// <summary>At the first split: how much farther apart the groups of least inner distance on training batches are than the mean of all partitions, there and on held-out batches.</summary>
    private static void CompareGroups(Classifier model, ITrainingStep training, int done, LabeledDataset images, Measurement result)
    {
        const int batch = 64, seed = 11;
        if (done != FirstSplit)
            return;
        var supernet = ((FewShotSupernet)model).Leaves[0];
        var paths = new PartPaths(supernet, ((FewShotSupernet)model).Tree.AllowedOf(0), 1, seed);
        var (trainingGain, heldOutGain) = (0.0, 0.0);
        for (var edge = 0; edge < supernet.Space.Length; edge++)
        {
            double[,] Distances(LabeledSequences data) => GradientMatching.Distances(supernet, paths, edge, repeat => data.Batch(seed, repeat, 0, batch), Repeats);
            var (seen, unseen) = (Distances(images.Train), Distances(images.Validation));
            int[][] all = [.. GraphPartition.All(seen.GetLength(0), 2)];
            var best = GraphPartition.Best(seen, 2, _ => true)!;
            // All partitions have as many pairs across: two and two of four.
            double Gain(double[,] distances) => (GraphPartition.Across(distances, best) - all.Average(groupOf => GraphPartition.Across(distances, groupOf))) / 4;
            trainingGain += Gain(seen) / supernet.Space.Length;
            heldOutGain += Gain(unseen) / supernet.Space.Length;
        }
        (result[Training], result[HeldOut]) = (trainingGain, heldOutGain);
    }
}
