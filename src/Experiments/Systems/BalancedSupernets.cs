using System.Globalization;
using OnnxMoe.Experiments.Pooling;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Search.Predictors;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets.Copies;

namespace OnnxMoe.Experiments.Systems;

/// <summary>A balanced mixture of supernets against a single one, by how well it ranks pooling positions (Javan et al. 2023, arXiv 2306.11982).</summary>
public sealed class BalancedSupernets : Experiment
{
    private const int Epochs = 20, TotalSteps = 1500, AloneSteps = 376;

    public override string Name => "02-balanced-supernets";

    public override string System => "Balanced Mixture of SuperNets";

    public override string Paper => "2306.11982";

    public override string Citation => "Javan, Toews, Pedersoli (2023), Balanced Mixture of SuperNets for Learning the CNN Pooling Architecture";

    public override string WhatItIs => "several supernets that share the architectures of a space among them, by a learned assignment that keeps them equally busy";

    public override string Claim => "several supernets rank the architectures better than one with as many steps";

    public override string Recipe => "fashion-pooling";

    public override string Source => LabeledDataset.Fashion;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var data = new Lazy<LabeledDataset>(() => context.Images(PoolingSetup.Side, PoolingSetup.Images));
        var training = PoolingSetup.Training(context.StepsOr(TotalSteps), context.Threads);
        SimulationArm Simulated(int copies, bool balanced = true, double first = 1) => new($"simulated, {copies}{(first == 1 ? "" : balanced ? ", from 0" : ", from 0, unbalanced")}",
            $"no networks; {copies} supernets, scores start at {first}{(balanced ? "" : ", no balance")}", new() { Count = copies, Balanced = balanced, FirstScore = first });
        MixtureArm Mixture(int copies) => new($"{copies} supernet{(copies == 1 ? "" : "s")}", new() { Count = copies, Epochs = Epochs }, training, data);
        var arms = context.RunAll(
            new AlonePathsArm(PoolingSetup.Training(context.StepsOr(AloneSteps), context.Threads), data), Mixture(1), Mixture(2), Mixture(4),
            Simulated(1), Simulated(2), Simulated(4), Simulated(8), Simulated(4, first: 0), Simulated(4, balanced: false, first: 0));
        // The truth is the mean over all seeds: a single training of a path says little.
        double[] truth = [.. Enumerable.Range(0, (int)PoolingSetup.Space.Size).Select(path => arms[0].Runs.Average(run => run.Series[AlonePathsArm.Accuracies][path]))];
        foreach (var run in arms.Skip(1).Take(3).SelectMany(arm => arm.Runs))
            run[SimulationArm.Spearman] = RankMetrics.Spearman(run.Series[MixtureArm.Best], truth);
        ClaimResult Better(ClaimKind kind, string text, ArmResult arm, ArmResult other) =>
            new Claim(kind, text, "rank correlation with the truth, difference").Judge(PairedDifference.Of(arm, other, SimulationArm.Spearman));
        ClaimResult[] claims =
        [
            Better(ClaimKind.Primary, "4 supernets rank the paths better than one", arms[3], arms[1]),
            Better(ClaimKind.Secondary, "2 supernets rank the paths better than one", arms[2], arms[1]),
            Better(ClaimKind.Secondary, "In the simulation of the mechanism 4 supernets, as many as there are groups, rank better than 2", arms[6], arms[5]),
            Better(ClaimKind.Secondary, "In the simulation 2 rank better than one", arms[5], arms[4]),
            Better(ClaimKind.Secondary, "In the simulation balance helps when scores start at 0", arms[8], arms[9]),
            new Claim(ClaimKind.Report, "Weighting supernets by the assignment instead of taking the best", "rank correlation of the mean minus of the maximum, 4 supernets")
                .Judge(PairedDifference.Of(arms[3], run => RankMetrics.Spearman(run.Series[MixtureArm.Weighted], truth) - run[SimulationArm.Spearman])),
        ];
        string Mean(ArmResult arm) => arm.Runs.Average(run => run[SimulationArm.Spearman]).ToString("F2", CultureInfo.InvariantCulture);
        return new ExperimentResult(
            $"Residual networks of 6 blocks (8 8 8 16 16 16 channels) on {PoolingSetup.Images} images of Fashion-MNIST at {PoolingSetup.Side}x{PoolingSetup.Side} pixels; the two 2x2 poolings can be at {PoolingSetup.Space.Size} places. The truth is each path trained alone, the mean of all seeds. "
            + $"Supernets: SGD 0.1 to 0.001, batches of {PoolingSetup.BatchSize}, {training.Steps} steps whatever their number, so that each of 4 makes a quarter. The simulation has 36 paths in 4 hidden groups and no networks.",
            arms,
            [new Metric(SimulationArm.Spearman, "rank correlation"), new Metric(SimulationArm.LargestLoad, "busiest supernet's share", "P1"), new Metric(TinyArm.ValidationLoss, "mean loss (nats)"), new Metric(TinyArm.Seconds, "s", "F0")],
            claims,
            $"rank correlation with the truth, 1 / 2 / 4 supernets: {string.Join(" / ", arms.Skip(1).Take(3).Select(Mean))}; in a simulation of the mechanism {string.Join(" / ", arms.Skip(4).Take(3).Select(Mean))}")
        {
            Notes =
            [
                $"The paths trained alone differ by {100 * (truth.Max() - truth.Min()):F1} points of test accuracy in the mean over seeds, little more than one path does from seed to seed, so rank correlations at this size say little.".ToString(CultureInfo.InvariantCulture),
                $"From the authors' own 36 paths on CIFAR-10 follow rank correlations of {string.Join(" / ", PublishedPaths.Mixtures.Select(pair => RankMetrics.Spearman(pair.Value, PublishedPaths.Alone).ToString("F2", CultureInfo.InvariantCulture)))} for {string.Join(" / ", PublishedPaths.Mixtures.Keys)} supernets.",
                "A path's accuracy is that in its best supernet. No images are cropped or flipped; learning rates fall by step, not by epoch.",
                "Equal steps in all: the mixture gives each supernet fewer.",
            ],
        };
    }
}
