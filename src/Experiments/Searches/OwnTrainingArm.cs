using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Predictors;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Searches;

/// <summary>An arm that trains every network of <see cref="DigitCells"/> by itself: the truth that rankings are compared with.</summary>
/// <param name="pixels">The images.</param>
/// <param name="threads">Of libtorch.</param>
public sealed class OwnTrainingArm(Lazy<LabeledDataset> pixels, int threads) : Arm("each by itself", $"all {DigitCells.Space.Size} networks trained by themselves, {DigitCells.OwnEpochs} epochs each")
{
    /// <summary>Share of the held-out images whose class a network finds, in the order of the space.</summary>
    public const string Accuracies = "accuracy";

    private static readonly int PerNetwork = DigitCells.OwnEpochs * DigitCells.StepsPerEpoch;

    public override bool IsShared => true;

    public override int Steps => PerNetwork * (int)DigitCells.Space.Size;

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{DigitCells.Description} {seed} {JsonSerializer.Serialize(DigitCells.Training(PerNetwork, 0))} {JsonSerializer.Serialize(DigitCells.Model())}")));

    public override void Run(long seed, TokenDataset text, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var (images, training, clock) = (DigitCells.Of(pixels.Value), DigitCells.Training(PerNetwork, threads), Stopwatch.StartNew());
        TorchSharp.torch.set_num_threads(threads == 0 ? Environment.ProcessorCount : threads);
        var (accuracies, losses) = (new List<double>(), new List<double>());
        foreach (var architecture in DigitCells.Space.All())
        {
            var model = new CellClassifier(DigitCells.Model(architecture), null, new(images.Train.Width, images.Train.Length, images.Train.Classes), seed);
            using var step = new ClassifierStep(model, new WeightOptimizer(model.Weights, training), images.Train, training, seed, device: null);
            for (var done = 0; done < PerNetwork; done++)
            {
                cancel.ThrowIfCancellationRequested();
                step.Run(done);
            }
            var evaluator = new ClassifierEvaluator(model, batchSize: 300, device: null);
            var (validation, test) = (evaluator.Run(images.Validation), evaluator.Run(images.Test));
            accuracies.Add(((validation.Accuracy * images.Validation.Count) + (test.Accuracy * images.Test.Count)) / (images.Validation.Count + images.Test.Count));
            losses.Add(validation.Loss);
            progress(accuracies.Count * PerNetwork);
        }
        result.Series[Accuracies] = [.. accuracies];
        result[TinyArm.ValidationLoss] = losses.Average();
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
    }

    /// <summary>Mean accuracy over the seeds, in the order of the space.</summary>
    public static double[] Truth(ArmResult arm) => [.. Enumerable.Range(0, (int)DigitCells.Space.Size).Select(i => arm.Runs.Average(run => run.Series[Accuracies][i]))];

    /// <summary>Enters how well each run of some arms orders the networks, and the true accuracy of the one it puts first.</summary>
    public static void Judge(IEnumerable<ArmResult> arms, double[] truth)
    {
        foreach (var run in arms.SelectMany(arm => arm.Runs))
        {
            double[] scores = run.Series.TryGetValue(RankingArm.Losses, out var losses) ? [.. losses.Select(loss => -loss)] : run.Series[Accuracies];
            run[RankingArm.Kendall] = RankMetrics.Kendall(scores, truth);
            run[RankingArm.Best] = truth[Array.IndexOf(scores, scores.Max())];
        }
    }
}
