using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Searches;

/// <summary>An arm that searches a quantized supernet, trained with the run's seed and the same for all arms, by real measurements.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="method">How it searches.</param>
/// <param name="budget">Subnetworks it measures.</param>
/// <param name="training">Of the supernet.</param>
/// <param name="supernet">That of a seed.</param>
internal sealed class JointSearchArm(string name, string description, SearchMethod method, int budget, TrainerOptions training, Func<long, QuantizedSupernet> supernet) : Arm(name, description)
{
    public const string Ratio = "hypervolume_ratio", Bytes = "bytes_at_int8_loss", Saving = "saving", TestAccuracy = "test_accuracy", BaseAccuracy = "int8_test_accuracy";

    private const string Losses = "loss", Sizes = "bytes";

    public override int Steps => budget;

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{Description} {budget} {seed} {JsonSerializer.Serialize(EnumeratedSupernet.Model)} {JsonSerializer.Serialize(new { training.Steps, training.BatchSize, training.LearningRate })}")));

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var (searched, space, done) = (supernet(seed), QuantizedSupernet.DigitSpace, 0);
        var clock = Stopwatch.StartNew();
        using var log = new MeasurementLog(space, budget, architecture =>
        {
            cancel.ThrowIfCancellationRequested();
            progress(++done);
            return searched.Measure(architecture);
        });
        method.Run(space, 2, log, (int)seed);
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
        (result.Series[Losses], result.Series[Sizes]) = ([.. log.All.Select(measured => measured.Objectives[0])], [.. log.All.Select(measured => measured.Objectives[1])]);
        result[TinyArm.ValidationLoss] = log.All.Min(measured => measured.Objectives[0]);

        // What a user would take: the smallest file that is no worse, on the validation images, than the largest network in 8 bits throughout.
        var large = SequentialSearch.InEightBits(space.Largest);
        var most = searched.Measure(large);
        var pick = log.All.Where(measured => measured.Objectives[0] <= most[0]).MinBy(measured => measured.Objectives[1]);
        result[Bytes] = pick?.Objectives[1] ?? double.NaN;
        result[Saving] = most[1] / result[Bytes];
        result[TestAccuracy] = pick is null ? double.NaN : searched.Test(pick.Architecture).Accuracy;
        result[BaseAccuracy] = searched.Test(large).Accuracy;
    }

    /// <summary>
    /// Sets <see cref="Ratio"/>, seed by seed: the hypervolume of what an arm measured over that of what all arms did. The reference point is a tenth of its extent
    /// beyond the worst of the front of all.
    /// </summary>
    public static void Compare(IReadOnlyList<ArmResult> arms)
    {
        foreach (var seed in arms[0].Runs.Select(run => run.Seed))
        {
            double[][][] points = [.. arms.Select(arm => arm.Run(seed)).Select(run => run.Series[Losses].Zip(run.Series[Sizes], (loss, bytes) => new[] { loss, bytes }).ToArray())];
            double[][] all = [.. points.SelectMany(of => of)];
            double[][] front = [.. Domination.Fronts(all)[0].Select(i => all[i])];
            double[] reference = [.. Enumerable.Range(0, 2).Select(m => front.Max(point => point[m]) + (0.1 * (front.Max(point => point[m]) - front.Min(point => point[m]))))];
            var whole = Hypervolume.Of(all, reference);
            for (var i = 0; i < arms.Count; i++)
                arms[i].Run(seed)[Ratio] = Hypervolume.Of(points[i], reference) / whole;
        }
    }
}
