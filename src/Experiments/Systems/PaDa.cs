using System.Globalization;
using OnnxMoe.Experiments.Searches;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Paths and data drawn by the norms of their gradients: variance, and the ranking of a supernet (Lu et al. 2023, arXiv 2302.14772).</summary>
public sealed class PaDa : Experiment
{
    private const string Uniform = "variance_uniform", Drawn = "variance_drawn", Reweighted = "variance_reweighted";

    public override string Name => "26-pa-da";

    public override string System => "PA&DA";

    public override string Paper => "2302.14772";

    public override string Citation => "Lu et al. (2023), PA&DA: Jointly Sampling PAth and DAta for Consistent NAS";

    public override string WhatItIs => "a supernet whose operations and training images are drawn by the norms of their gradients, uniformly at first and more and more unevenly";

    public override string Claim => "gradients of images that are drawn by their norms, and reweighted, vary less than those of uniform ones; that a supernet ranks better, without the weights, is judged beside it";

    public override string Recipe => "digits-pa-da";

    public override string Source => LabeledDataset.Digits;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var pixels = new Lazy<LabeledDataset>(() => context.Images());
        const string byNorm = SupernetOptions.GradientNorm;
        RankingArm Arm(string name, string description, string paths, string data, string reweight = "none") =>
            new(name, description, new() { Paths = paths, Data = data, Reweight = reweight }, pixels, context.Threads) { Check = paths == byNorm && data == byNorm ? MeasureVariance : null };
        var arms = context.RunAll(
            new PaDaVarianceArm(pixels, context.Threads),
            new OwnTrainingArm(pixels, context.Threads),
            Arm("uniform", "one architecture a step, each operation and each image equally probable", "uniform", "uniform"),
            Arm("paths", "operations by the norms of their gradients", byNorm, "uniform"),
            Arm("data", "images by the norms of their gradients", "uniform", byNorm),
            Arm("both", "operations and images by the norms of their gradients (PA&DA), losses as they are", byNorm, byNorm),
            Arm("both, reweighted", "the same, losses weighed so that the mean gradient is that of uniform draws", byNorm, byNorm, SupernetOptions.Unbiased),
            new RankingArm("fair", "four architectures a step in which every operation of every edge comes once (FairNAS), a quarter of the steps", new() { Paths = "fair" }, pixels, context.Threads) { Passes = 4 });
        var (variance, own, uniform, both, reweighted) = (arms[0], arms[1], arms[2], arms[5], arms[6]);
        var truth = OwnTrainingArm.Truth(own);
        OwnTrainingArm.Judge(arms.Skip(1), truth);
        ClaimResult Less(ClaimKind kind, string text, string measure) =>
            new Claim(kind, text, "1 minus the ratio of variances").Judge(PairedDifference.Of(variance, run => 1 - run[measure]));
        ClaimResult Better(ClaimKind kind, ArmResult better, ArmResult worse) =>
            new Claim(kind, $"{better.Arm.Name} ranks better than {worse.Arm.Name}", "Kendall's tau, difference").Judge(PairedDifference.Of(better, worse, RankingArm.Kendall));
        ClaimResult[] claims =
        [
            .. PaDaVarianceArm.Epochs.Select(epoch => Less(epoch >= 5 ? ClaimKind.Primary : ClaimKind.Report, $"images drawn by the norms of their logits' gradients, reweighted, vary less than uniform ones after {epoch} epochs", PaDaVarianceArm.Proxy(epoch))),
            .. PaDaVarianceArm.Epochs.Select(epoch => Less(ClaimKind.Report, $"so do images drawn by the norms of their whole gradients after {epoch} epochs, which no other draws undercut", PaDaVarianceArm.Optimal(epoch))),
            Better(ClaimKind.Secondary, both, uniform),
            .. arms.Skip(3).Where(arm => arm != both).Select(arm => Better(ClaimKind.Report, arm, uniform)),
            .. new[] { both, reweighted }.SelectMany(arm => new[] { Reweighted, Drawn }.Select(measure => new Claim(ClaimKind.Report,
                $"steps of the supernet '{arm.Arm.Name}' at half of its training vary less with its own draws, {(measure == Reweighted ? "reweighted" : "as they are")}, than with uniform ones", "1 minus the ratio of variances")
                .Judge(PairedDifference.Of(arm, run => 1 - (run[measure] / run[Uniform]))))),
        ];
        string Mean(ArmResult arm, string measure, string format) => arm.Runs.Average(run => run[measure]).ToString(format, CultureInfo.InvariantCulture);
        return new ExperimentResult(
            $"Exact variance: a perceptron is trained on 600 digits by uniform draws; after {string.Join(", ", PaDaVarianceArm.Epochs)} epochs the gradients of all images give the variance of a reweighted gradient of one drawn image. Ranking: {DigitCells.Description}",
            arms,
            [
                .. PaDaVarianceArm.Epochs.Select(epoch => new Metric(PaDaVarianceArm.Proxy(epoch), $"variance ratio, logits' norms, {epoch} epochs", "F3")),
                .. PaDaVarianceArm.Epochs.Select(epoch => new Metric(PaDaVarianceArm.Optimal(epoch), $"variance ratio, true norms, {epoch} epochs", "F3")),
                .. PaDaVarianceArm.Epochs.Select(epoch => new Metric(PaDaVarianceArm.Correlation(epoch), $"correlation of the norms, {epoch} epochs", "F3")),
                new Metric(RankingArm.Kendall, "Kendall's tau", "F3"), new Metric(RankingArm.Best, "true accuracy of the first", "P2"),
                new Metric(Uniform, "variance of a step at half, uniform draws", "G3"), new Metric(Drawn, "own draws", "G3"), new Metric(Reweighted, "own draws, reweighted", "G3"),
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Seconds, "time (s)", "F1"),
            ],
            claims,
            $"variance {string.Join(" / ", PaDaVarianceArm.Epochs.Select(epoch => Mean(variance, PaDaVarianceArm.Proxy(epoch), "F2")))} of uniform draws' after {string.Join(" / ", PaDaVarianceArm.Epochs)} epochs; Kendall's tau "
            + string.Join(", ", arms.Skip(2).Select(arm => $"{arm.Arm.Name} {Mean(arm, RankingArm.Kendall, "F3")}")))
        {
            Notes =
            [
                "What is proved is a statement about reweighted gradients; what the authors train, and what is trained here by default, leaves the weights out, and so prefers what has large gradients instead of estimating the same mean with less variance. "
                + "The primary claims are about the former, the ranking is the latter's.",
                "Reweighted, a step of 'both' varies more than a uniform one: an architecture's weight is one over the product of its operations' probabilities, which is large where one of them is rare, and that product is a rough stand-in for the norm of the architecture's own gradient.",
                "Each run of 'each by itself' is also scored against the mean of all, of which it is a part: that is more than any supernet can reach.",
                $"True accuracies of the {DigitCells.Space.Size} architectures: {truth.Min():P1} to {truth.Max():P1}.",
                "Operations without weights have no gradients: late in training they are hardly drawn, and architectures that use them are scored with weights that saw them early only.",
                "The paper ranks all 15,625 architectures of NAS-Bench-201 on CIFAR-10 after 250 epochs.",
            ],
        };
    }

    /// <summary>At half of the training, with the weights as they are.</summary>
    private static void MeasureVariance(Classifier model, ITrainingStep training, int done, LabeledDataset images, Measurement result)
    {
        const int batch = 64, seed = 26;
        if (done != DigitCells.Epochs * DigitCells.StepsPerEpoch / 2)
            return;
        var (supernet, step) = ((ISupernet)model, (ClassifierStep)training);
        var (paths, examples) = ((GradNormPaths)step.Paths!, step.Examples!.Probabilities);
        var even = new UniformPaths(supernet.Space, 1, seed);
        double Weight(Architecture architecture) => architecture.Genes.ToArray().Aggregate(1.0, (weight, op) => weight * NormProbabilities.WeightOf(paths.Probabilities[op], paths.Probabilities.Count));
        var variance = new GradientVariance(supernet, images.Train, batch);
        result[Uniform] = variance.Trace(draw => (even.Sample(draw)[0], 1), NormProbabilities.Of(new double[images.Train.Count], 0), reweight: false, seed);
        result[Drawn] = variance.Trace(draw => (paths.Sample(draw)[0], 1), examples, reweight: false, seed);
        result[Reweighted] = variance.Trace(draw => (paths.Sample(draw)[0], Weight(paths.Sample(draw)[0])), examples, reweight: true, seed);
    }
}
