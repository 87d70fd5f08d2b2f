using System.Globalization;
using OnnxMoe.Experiments.Searches;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Search.Evolution;
using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Sizes and precisions searched together against one after the other (Sridhar et al. 2023, arXiv 2312.13301).</summary>
public sealed class SimqNas : Experiment
{
    private const int Budget = 200, Population = 25, Predictions = 2000;

    public override string Name => "53-simq-nas";

    public override string System => "SimQ-NAS";

    public override string Paper => "2312.13301";

    public override string Citation => "Sridhar et al. (2023), SimQ-NAS: Simultaneous Quantization Policy and Neural Architecture Search";

    public override string WhatItIs => "one search for a subnetwork's sizes and the precision of each of its layers, each candidate quantized after training and measured";

    public override string Claim => "one search for sizes and precisions together finds a front that is no worse than that of sizes first and precisions then";

    public override string Recipe => "digits-simq";

    public override string Source => LabeledDataset.Digits;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var training = EnumeratedSupernet.Training(context.Threads);
        (long Seed, QuantizedSupernet Supernet)? last = null;
        QuantizedSupernet Supernet(long seed)
        {
            if (last?.Seed != seed)
                last = (seed, new QuantizedSupernet(context.Labeled, training, QuantizedSupernet.DigitSpace, seed, context.Cancel));
            return last.Value.Supernet;
        }
        var evolution = new EvolutionOptions { Population = Population };
        var linas = new Linas(evolution, Predictions);
        JointSearchArm Arm(string name, string description, SearchMethod method) => new(name, description, method, Budget, training, Supernet);
        var arms = context.RunAll(
            Arm("sequential", "LINAS for sizes with half of the budget, the front in 8 bits, LINAS for the precision of its networks with the rest", new SequentialSearch(linas)),
            Arm("policy only", "evolution on the measurements for the precision of the largest network's layers", new PolicySearch(new EvolutionarySearch(evolution))),
            Arm("joint NSGA-II", $"evolution on the measurements, sizes and precisions together, population {Population}", new EvolutionarySearch(evolution)),
            Arm("joint LINAS", $"sizes and precisions together: rounds of {Population} measurements, {Predictions} predictions of an evolution between two rounds", linas));
        JointSearchArm.Compare(arms);
        var (sequential, policy, nsga, joint) = (arms[0], arms[1], arms[2], arms[3]);
        ClaimResult More(ClaimKind kind, ArmResult better, ArmResult worse, bool noWorse = false) =>
            new Claim(kind, $"{better.Arm.Name} finds {(noWorse ? "no less" : "more")} than {worse.Arm.Name}", "hypervolume as a share of the front of all, difference") { NoWorse = noWorse }
                .Judge(PairedDifference.Of(better, worse, JointSearchArm.Ratio));
        ClaimResult[] claims =
        [
            More(ClaimKind.Primary, joint, sequential, noWorse: true),
            More(ClaimKind.Secondary, joint, sequential),
            More(ClaimKind.Secondary, joint, nsga),
            More(ClaimKind.Secondary, joint, policy),
            new Claim(ClaimKind.Secondary, "at no higher validation loss than the largest network in 8 bits, joint LINAS finds a file of less than half its bytes", "how many times smaller") { Margin = 2 }
                .Judge(PairedDifference.Of(joint, run => run[JointSearchArm.Saving])),
            new Claim(ClaimKind.Report, "test accuracy of that file against the largest network in 8 bits", "accuracy, difference")
                .Judge(PairedDifference.Of(joint, JointSearchArm.TestAccuracy, joint, JointSearchArm.BaseAccuracy)),
        ];
        string Share(ArmResult arm) => arm.Runs.Average(run => run[JointSearchArm.Ratio]).ToString("F3", CultureInfo.InvariantCulture);
        string Times(double ratio) => ratio.ToString("F2", CultureInfo.InvariantCulture);
        string Speed(int width, int batch) => Times(IntegerSpeed.Of(width, 4, batch));
        return new ExperimentResult(
            $"A supernet of residual perceptrons (width and hidden sizes of 16, 32 or 64, 1 to 7 blocks: as many sizes as in 07) is trained for each seed, {training.Steps} sandwich steps of {training.BatchSize} images. A candidate is cut out, its linear layers are quantized as its genes "
            + "say (4, 8 or 32 bits, symmetric or asymmetric, a range for each output; inputs of quantized layers in 8 bits, ranges of least entropy lost over 100 training images), and its loss on the validation images and the bytes of its ONNX file are "
            + $"measured. The space has {QuantizedSupernet.DigitSpace.Size:N0} different candidates; each arm measures {Budget}. The reference point of the hypervolume lies a tenth of its extent beyond the worst of the front of all arms together.",
            arms,
            [
                new Metric(JointSearchArm.Ratio, "hypervolume, share of all"), new Metric(TinyArm.ValidationLoss, "lowest loss found (nats)"),
                new Metric(JointSearchArm.Bytes, "bytes at the loss of 8 bits", "F0"), new Metric(JointSearchArm.Saving, "times smaller", "F2"),
                new Metric(JointSearchArm.TestAccuracy, "its test accuracy"), new Metric(JointSearchArm.BaseAccuracy, "of 8 bits"), new Metric(TinyArm.Seconds, "search (s)", "F1"),
            ],
            claims,
            $"hypervolume {Share(joint)} of the front of all, sequential {Share(sequential)}, NSGA-II {Share(nsga)}, policy only {Share(policy)}; {joint.Runs.Average(run => run[JointSearchArm.Saving]).ToString("F1", CultureInfo.InvariantCulture)} times smaller than the largest network in 8 bits at its loss")
        {
            Notes =
            [
                "The paper's baseline is the quantized network, not the one of floating-point numbers; so is it here. Its 4.8 times in latency are of large networks on server processors with integer instructions.",
                $"Latency when this page was written, one thread of ONNX Runtime, 4 blocks: 32 bits take {Speed(64, 1)} times as long as 8 bits with one image and width 64, {Speed(64, 64)} with 64 images, and at width 512 {Speed(512, 1)} and {Speed(512, 64)}; "
                + "below 1 there is no latency benefit at that size.",
                "4 bits are weights packed two to a byte, unpacked by standard operators; their inputs have 8 bits. The paper has 8 and 32 bits alone; with those the digits lose almost nothing, and there would be little to search.",
                "In a first space of 360 sizes, 32 to 96 wide, the sequential search was better (-0.138 ± 0.099, 6 seeds): half of the budget knows a quarter of so few sizes. This page's has as many sizes as 07, as was planned.",
                "The gene of a scheme counts only where its layer is quantized; in the paper's code it always does, and its genes of BERT are shifted against the features.",
                "Validation images choose; the test images are looked at for the file picked at the end alone.",
            ],
        };
    }

    /// <summary>Only the precision of the largest network.</summary>
    private sealed class PolicySearch(SearchMethod method) : SearchMethod
    {
        public override void Run(SearchSpace space, int objectives, MeasurementLog log, int seed) =>
            SubSpace.Precisions(space, [space.Largest]).Search(method, log.Budget, log, objectives, seed);
    }
}
