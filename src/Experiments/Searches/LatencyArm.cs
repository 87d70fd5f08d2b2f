using System.Diagnostics;
using System.Globalization;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Predictors;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Supernets;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Experiments.Searches;

/// <summary>
/// An arm that measures some architectures in ONNX Runtime, learns their latency, and predicts that of others, which are then measured twice: once to compare with, and
/// once more to know how well any prediction could do. The seed draws the architectures.
/// </summary>
/// <param name="name">Short name.</param>
/// <param name="space">Perceptrons.</param>
/// <param name="fitted">Architectures that the predictor learns.</param>
/// <param name="unseen">Architectures that it predicts.</param>
internal sealed class LatencyArm(string name, SearchSpace space, int fitted, int unseen)
    : Arm(name, $"no search: latency in ONNX Runtime of {fitted} architectures at random is learned, and predicted for {unseen} others")
{
    /// <summary>Rank correlation of predicted and measured latency.</summary>
    public const string Predicted = "rank_correlation";

    /// <summary>That of FLOPs and measured latency.</summary>
    public const string Flops = "rank_correlation_flops";

    /// <summary>That of two measurements.</summary>
    public const string Repeated = "rank_correlation_repeated";

    /// <summary>Mean error of the predictions, as a share of the latency.</summary>
    public const string Error = "relative_error";

    private static readonly ClassifierSizes Sizes = new(64, 1, 10);

    private readonly SearchOptions _timing = new();

    public override int Steps => fitted + (2 * unseen);

    public override string Fingerprint(long seed, DataOptions data) =>
        string.Create(CultureInfo.InvariantCulture, $"{seed} {space.Name} {space.Size} {fitted} {unseen} {_timing.Repetitions} {_timing.WarmUp} {_timing.Milliseconds}");

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        var model = new MlpClassifier(EnumeratedSupernet.Model, Sizes, seed);
        var meter = new LatencyMeter(_ => model.InputsOf(new LabeledSequences(new float[Sizes.Features], [0], Sizes.Length, Sizes.Features, Sizes.Classes)), _timing);
        var done = 0;
        double Milliseconds(Model subnet)
        {
            cancel.ThrowIfCancellationRequested();
            progress(++done);
            return meter.Measure(subnet).Median;
        }
        var random = new Random((int)seed);
        var architectures = new HashSet<Architecture>();
        while (architectures.Count < fitted + unseen)
            architectures.Add(space.Random(random));
        var subnets = architectures.Select(architecture => (Features: OneHotFeatures.Of(architecture), Model: (Model)Subnet(architecture, seed))).ToArray();
        var (known, others) = (subnets[..fitted], subnets[fitted..]);
        var predictor = TunedPredictor.Fit([.. known.Select(subnet => subnet.Features)], [.. known.Select(subnet => Milliseconds(subnet.Model))], (int)seed);
        var predicted = predictor.Predict([.. others.Select(subnet => subnet.Features)]);
        double[] measured = [.. others.Select(subnet => Milliseconds(subnet.Model))], again = [.. others.Select(subnet => Milliseconds(subnet.Model))];
        result[Predicted] = RankMetrics.Spearman(predicted, measured);
        result[Flops] = RankMetrics.Spearman([.. others.Select(subnet => subnet.Model.CostOfToken(new(1)).Sum(cost => cost.Flops))], measured);
        result[Repeated] = RankMetrics.Spearman(again, measured);
        result[Error] = predicted.Zip(measured, (one, other) => Math.Abs(one - other) / other).Average();
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
    }

    private static MlpClassifier Subnet(Architecture architecture, long seed) => new(
        new() { Backbone = ModelOptions.Perceptron, Activation = EnumeratedSupernet.Model.Activation, Mlp = MlpClassifier.ShapeOf(architecture) }, Sizes, seed);
}
