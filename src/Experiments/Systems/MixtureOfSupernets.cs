using System.Globalization;
using OnnxMoe.Experiments.Supernets;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Feed-forward matrices that are mixed for each architecture, against one set of them for all (Jawahar et al. 2024, arXiv 2306.04845).</summary>
public sealed class MixtureOfSupernets : Experiment
{
    private const string Largest = "largest";
    private const string Smallest = "smallest";

    private static readonly SearchSpace Space = new("mixture-of-supernets", [new("width", 1, ["32", "64"]), new("hidden", 2, ["32", "64", "128", "256"])]);

    private static readonly Dictionary<string, Architecture> Measured = new()
    {
        [Largest] = Space.Largest,
        ["wide"] = Space.Of(1, 0, 2),
        ["narrow"] = Space.Of(0, 2, 1),
        [Smallest] = Space.Smallest,
    };

    public override string Name => "01-mixture-of-supernets";

    public override string System => "Mixture-of-Supernets";

    public override string Paper => "2306.04845";

    public override string Citation => "Jawahar, Yang, Xiong, Liu et al. (2024), Mixture-of-Supernets: Improving Weight-Sharing Supernet Training with Architecture-Routed Mixture-of-Experts";

    public override string WhatItIs => "a supernet whose feed-forward matrices are mixtures of several, in proportions that a small router finds from the architecture";

    public override string Claim => "subnetworks of a supernet are better when an architecture's weights are mixed for it than when all architectures use the same ones";

    public override string Recipe => "mos-translation";

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinySetup Setup() => context.Tiny(
            model =>
            {
                (model.Layers, model.FirstDenseLayers, model.HiddenSize, model.Heads, model.HeadSize, model.ContextLength) = (2, 2, 64, 4, 16, 48);
                (model.Gated, model.Activation, model.FfnBias) = (false, "gelu", true);
            },
            trainer => (trainer.Steps, trainer.SequenceLength, trainer.WarmupSteps, trainer.FinalLearningRate, trainer.EvaluationTokens) = (800, 48, 80, 0.01, 12288));
        SupernetArm Super(string name, string description, Action<MixtureOptions>? change = null)
        {
            var options = new SupernetOptions();
            change?.Invoke(options.Mixture);
            return new(name, description, Setup(), Space, options, Measured);
        }
        SupernetArm Alone(string name, Architecture architecture) => new(name, $"an ordinary model of {architecture}, as many steps", Setup(), Space, new(), Measured) { Alone = architecture };
        var arms = context.RunAll(
            Super("plain", "one set of weights"),
            Super("layer-wise", "2 sets of feed-forward weights, a proportion for each layer", mixture => mixture.Experts = 2),
            Super("neuron-wise", "2 sets, a proportion for each neuron", mixture => (mixture.Experts, mixture.Variant) = (2, "neuron")),
            Super("layer-wise, blind", "as layer-wise, but the routers see 0.5 for every feature", mixture => (mixture.Experts, mixture.Blind) = (2, true)),
            Super("neuron-wise, blind", "as neuron-wise, but the routers see 0.5 for every feature", mixture => (mixture.Experts, mixture.Variant, mixture.Blind) = (2, "neuron", true)),
            Super("neuron-wise, 4 sets", "4 sets, a proportion for each neuron", mixture => (mixture.Experts, mixture.Variant) = (4, "neuron")),
            Alone("largest alone", Space.Largest),
            Alone("smallest alone", Space.Smallest));
        var (plain, layer, neuron, layerBlind, blind, four, large, small) = (arms[0], arms[1], arms[2], arms[3], arms[4], arms[5], arms[6], arms[7]);
        const string mean = "mean loss of four architectures, the other's minus its own (nats)";
        var smallest = SupernetArm.LossOf(Smallest);
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "Layer-wise mixtures are better than one set of weights", mean).Judge(PairedDifference.Of(plain, layer, SupernetArm.MeanLoss)),
            new Claim(ClaimKind.Primary, "Neuron-wise mixtures are better than one set of weights", mean).Judge(PairedDifference.Of(plain, neuron, SupernetArm.MeanLoss)),
            new Claim(ClaimKind.Secondary, "Neuron-wise mixtures are better than layer-wise ones", mean).Judge(PairedDifference.Of(layer, neuron, SupernetArm.MeanLoss)),
            new Claim(ClaimKind.Secondary, "Knowing the architecture matters (layer-wise)", mean).Judge(PairedDifference.Of(layerBlind, layer, SupernetArm.MeanLoss)),
            new Claim(ClaimKind.Secondary, "Knowing the architecture matters (neuron-wise)", mean).Judge(PairedDifference.Of(blind, neuron, SupernetArm.MeanLoss)),
            new Claim(ClaimKind.Secondary, "The smallest architecture is nearer to the one that is trained alone (neuron-wise)", "loss of the smallest, plain minus neuron-wise (nats)").Judge(PairedDifference.Of(plain, neuron, smallest)),
            new Claim(ClaimKind.Report, "Four sets against two (neuron-wise)", mean).Judge(PairedDifference.Of(neuron, four, SupernetArm.MeanLoss)),
            new Claim(ClaimKind.Report, "The smallest architecture: neuron-wise minus trained alone", "nats").Judge(PairedDifference.Of(neuron, small, smallest)),
            new Claim(ClaimKind.Report, "The largest architecture: neuron-wise minus trained alone", "nats").Judge(PairedDifference.Of(neuron, large, SupernetArm.LossOf(Largest))),
        ];
        string Significance(ArmResult arm)
        {
            var gain = PairedDifference.Of(plain, arm, SupernetArm.MeanLoss);
            return (gain.Mean / gain.StandardError).ToString("F1", CultureInfo.InvariantCulture);
        }
        string Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]).ToString("F3", CultureInfo.InvariantCulture);
        return new ExperimentResult(
            $"Language model over bytes, 2 blocks with biased GELU layers; width 32 or 64, hidden size 32, 64, 128 or 256 in each block: {Space.Size} architectures. {Setup().Trainer.Steps} steps of 16 windows of 48, each run by the largest, the smallest and a random "
            + $"architecture. Measured are {string.Join("; ", Measured.Select(one => $"{one.Key}: {one.Value}"))}.",
            arms,
            [
                new Metric(SupernetArm.MeanLoss, "mean loss (nats)"), .. Measured.Keys.Select(which => new Metric(SupernetArm.LossOf(which), which)),
                new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            $"mean loss {Mean(plain, SupernetArm.MeanLoss)} plain, {Mean(layer, SupernetArm.MeanLoss)} layer-wise, {Mean(neuron, SupernetArm.MeanLoss)} neuron-wise ({Mean(blind, SupernetArm.MeanLoss)} blind); smallest {Mean(plain, smallest)} plain, {Mean(neuron, smallest)} neuron-wise, {Mean(small, smallest)} alone")
        {
            Notes =
            [
                $"In standard errors the gains over one set of weights are {Significance(layer)} (layer-wise) and {Significance(neuron)} (neuron-wise). Beyond chance at the 5 % level are, with 5 seeds, 2.8 and more.",
                "Blind routers still mix: a mixture of two sets of weights that are drawn apart is another start and another step size than one set, so the blind arm, not the plain one, says what knowing the architecture is worth.",
                "Routers see the means of the genes (the paper's aggregate features), divided by their largest choices. The router's dropout of the translation pipeline is left out, as in the pipeline for BERT.",
                "Arms that train one architecture alone make as many steps as a supernet, so that architecture gets as many gradients there.",
            ],
        };
    }
}
