using System.Globalization;
using OnnxMoe.Experiments.Growing;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Growing a network by new combinations of learned templates, against new weights (Pham et al. 2024, arXiv 2311.04251).</summary>
public sealed class MixtureGrowth : Experiment
{
    private const int MemberEpochs = 4, WholeEpochs = 2;

    public override string Name => "22-mixturegrowth";

    public override string System => "MixtureGrowth";

    public override string Paper => "2311.04251";

    public override string Citation => "Pham, Teterwak, Nelson, Plummer (2024), MixtureGrowth: Growing Neural Networks by Recombining Learned Parameters";

    public override string WhatItIs => "two narrow networks joined into a wide one, whose new weights are new combinations of the templates that theirs are made of";

    public override string Claim => "a network grown by new combinations of learned templates is better after a little training than one grown by new weights, and about as good as one trained whole at equal work";

    public override string Recipe => "fashion-growth";

    public override string Source => LabeledDataset.Fashion;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var data = new Lazy<LabeledDataset>(() => context.Images(GrowthSetup.Side, GrowthSetup.Images));
        var total = context.StepsOr(((2 * MemberEpochs) + WholeEpochs) * GrowthSetup.Epoch);
        var member = total * MemberEpochs / ((2 * MemberEpochs) + WholeEpochs);
        var growth = GrowthSetup.Training(total, member, context.Threads);
        // Half of the width is a quarter of the work, apart from the first layer.
        var whole = GrowthSetup.Training((total - (2 * member)) + (member / 2), member, context.Threads);
        GrowthArm Arm(string name, string description, string coefficients, double scale = 1) => new(name, description, coefficients, growth, data, scale);
        var arms = context.RunAll(
            Arm("orthogonal", "new blocks: one combination as initialized, one least like the earlier ones (the paper's)", "orthogonal"),
            Arm("copy", "new blocks: the members' combinations with noise", "copy"),
            Arm("zero", "new blocks: 0", "zero"),
            Arm("drawn anew", "new blocks: weights drawn as the members' were, by the inputs of a block", "fresh"),
            Arm("drawn smaller", "the same, by the inputs of the whole layer, so smaller by the root of 2", "fresh", Math.Sqrt(0.5)),
            new GrowthArm("whole", $"the whole width from the beginning, {whole.Steps} steps, about the work of the others", "", whole, data));
        var (orthogonal, copy, zero, fresh, smaller, scratch) = (arms[0], arms[1], arms[2], arms[3], arms[4], arms[5]);
        const string points = "test accuracy, difference in percent points";
        PairedDifference Points(ArmResult arm, string measure, ArmResult other, string otherMeasure) =>
            PairedDifference.Of(arm, run => 100 * (run[measure] - other.Run(run.Seed)[otherMeasure]));
        PairedDifference End(ArmResult arm, ArmResult other) => Points(arm, GrowthArm.Accuracy, other, GrowthArm.Accuracy);
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "New combinations of templates beat new weights", points).Judge(End(orthogonal, fresh)),
            new Claim(ClaimKind.Secondary, "They beat smaller new weights", points).Judge(End(orthogonal, smaller)),
            new Claim(ClaimKind.Secondary, "The grown network beats the sum of the narrow ones", points).Judge(Points(orthogonal, GrowthArm.Accuracy, orthogonal, GrowthArm.Sum)),
            new Claim(ClaimKind.Secondary, "It is no worse than one trained whole at equal work", points) { NoWorse = true }.Judge(End(orthogonal, scratch)),
            new Claim(ClaimKind.Secondary, "Orthogonal combinations beat copies", points).Judge(End(orthogonal, copy)),
            new Claim(ClaimKind.Report, "Orthogonal combinations against zeros", points).Judge(End(orthogonal, zero)),
            new Claim(ClaimKind.Report, "Right after growth, against new weights", points).Judge(Points(orthogonal, GrowthArm.Grown, fresh, GrowthArm.Grown)),
            new Claim(ClaimKind.Report, "Right after growth with statistics estimated anew, against new weights", points).Judge(Points(orthogonal, GrowthArm.GrownEstimated, fresh, GrowthArm.GrownEstimated)),
        ];
        string Mean(ArmResult arm, string measure) => (100 * arm.Runs.Average(run => run[measure])).ToString("F1", CultureInfo.InvariantCulture);
        return new ExperimentResult(
            $"Four convolutions (16 32 32 32 channels, strides 1 2 2 1) with batch normalization on {GrowthSetup.Images} images of Fashion-MNIST at {GrowthSetup.Side}x{GrowthSetup.Side} pixels; 2 templates in each of 2 sets. "
            + $"Each narrow network {member} steps of {growth.BatchSize} (SGD 0.05, Nesterov), the whole {total - (2 * member)} (0.005). Test: {GrowthSetup.Images / 3} images.",
            arms,
            [
                new Metric(GrowthArm.FirstMember, "first member", "P1"), new Metric(GrowthArm.SecondMember, "second member", "P1"), new Metric(GrowthArm.Sum, "sum of both", "P1"), new Metric(GrowthArm.Grown, "right after growth", "P1"),
                new Metric(GrowthArm.GrownEstimated, "with new statistics", "P1"), new Metric(GrowthArm.Accuracy, "at the end", "P1"), new Metric(TinyArm.ValidationLoss, "test loss (nats)"), new Metric(TinyArm.Seconds, "s", "F0"),
            ],
            claims,
            $"test accuracy at the end in %: orthogonal {Mean(orthogonal, GrowthArm.Accuracy)}, copy {Mean(copy, GrowthArm.Accuracy)}, zero {Mean(zero, GrowthArm.Accuracy)}, new weights {Mean(fresh, GrowthArm.Accuracy)} (smaller ones {Mean(smaller, GrowthArm.Accuracy)}), whole from the beginning {Mean(scratch, GrowthArm.Accuracy)}")
        {
            Notes =
            [
                "The two narrow networks are the same in all grown arms of a seed. Right after growth only zeros keep what they had learnt: the network then is their sum, exactly.",
                "New weights as large as the members' are the baseline of the comparison; a first run had only the smaller ones, which disturb the members less: they were added to, not replaced.",
                "The paper's networks are WRN-28-10 and ResNet-50; learning rates here fall by one cosine in each phase, without warm-up and restarts, and images are not altered.",
            ],
        };
    }
}
