using System.Globalization;
using OnnxMoe.Experiments.Classifiers;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Systems;

/// <summary>A dense block as a union of experts with patch selection, against token choice at equal work (Yang et al. 2025, arXiv 2503.02495).</summary>
public sealed class Uoe : Experiment
{
    public override string Name => "14-uoe";

    public override string System => "UoE";

    public override string Paper => "2503.02495";

    public override string Citation => "Yang, Lian, Li (2025), Union of Experts: Adapting Hierarchical Routing to Equivalently Decomposed Transformer";

    public override string WhatItIs => "a dense block cut into experts whose sum it is (slices of the feed-forward layer, attention heads), each of which takes the patches of a sequence that want it";

    public override string Claim => "at equal work a union of experts that take patches is at least as good as a mixture of experts that tokens choose, and learning whom to take matters";

    public override string Recipe => "uoe-digits";

    public override string Source => LabeledDataset.Digits;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var data = new Lazy<LabeledDataset>(() => context.Labeled);
        ClassifierArm Arm(string name, string description, Action<ModelOptions> change) => new(name, description, context.Classifier(change), data);
        var arms = context.RunAll(
            Arm("dense", "feed-forward layers of 128", model => model.FirstDenseLayers = model.Layers),
            Arm("MoE", "token choice: top 2 of 4 experts of 32, weights made to sum to 1, balance loss 0.01; ordinary attention",
                model => (model.Router.WeightRule, model.Router.BalanceLoss) = ("renormalized", 0.01)),
            Arm("UoE, slices", "4 slices of 32; a patch prefers 2, each takes at most half of the patches; ordinary attention", Union),
            Arm("UoE", "as the slices, and 4 heads of which a patch prefers 2 and each takes at most half of the patches", WithHeads),
            Arm("UoE, frozen", "as UoE, but the routers stay random and outputs are added without a gate: as in the authors' code", model =>
            {
                WithHeads(model);
                (model.Router.WeightRule, model.Router.Frozen) = ("one", true);
            }),
            Arm("UoE, frozen, gated", "as UoE with its gate, but the routers stay random", model =>
            {
                WithHeads(model);
                model.Router.Frozen = true;
            }));
        var (dense, moe, slices, union, frozen, gated) = (arms[0], arms[1], arms[2], arms[3], arms[4], arms[5]);
        const string percent = "accuracy, difference in percent points";
        PairedDifference Points(ArmResult arm, ArmResult other) => PairedDifference.Of(arm, run => 100 * (run[ClassifierArm.Accuracy] - other.Run(run.Seed)[ClassifierArm.Accuracy]));
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "The union's slices beat token choice at equal work", percent).Judge(Points(slices, moe)),
            new Claim(ClaimKind.Primary, "Trained routers beat random ones (as in the authors' code)", percent).Judge(Points(union, frozen)),
            new Claim(ClaimKind.Secondary, "So they do by held-out loss", "loss of random routers minus of trained ones (nats)").Judge(PairedDifference.Of(frozen, union, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Secondary, "Trained routers beat random ones with the same gate", percent).Judge(Points(union, gated)),
            new Claim(ClaimKind.Secondary, "With heads too, at less work, the union is no worse than token choice", percent) { NoWorse = true }.Judge(Points(union, moe)),
            new Claim(ClaimKind.Secondary, "The union's slices beat token choice by held-out loss", "loss of token choice minus of the slices (nats)").Judge(PairedDifference.Of(moe, slices, TinyArm.ValidationLoss)),
            new Claim(ClaimKind.Report, "The union against the dense block", percent).Judge(Points(union, dense)),
        ];
        return new ExperimentResult(
            string.Create(CultureInfo.InvariantCulture, $"Encoder of 2 blocks of width 64 with 4 heads on 16 patches of 2x2 pixels, biased GELU; {context.Classifier().Trainer.Steps} steps of 32 images, AdamW at 2e-3. ")
            + "Measured are the last weights on the 599 images that were not trained on; work is counted for an image, with every expert's places filled.",
            arms,
            [
                new Metric(ClassifierArm.Accuracy, "held-out accuracy"), new Metric(TinyArm.ValidationLoss, "held-out loss (nats)"), new Metric(ClassifierArm.TrainingLoss, "training loss (nats)"),
                new Metric(ClassifierArm.FfnWork, "feed-forward multiply-adds", "N0"), new Metric(ClassifierArm.AttentionWork, "attention multiply-adds", "N0"),
                new Metric(ClassifierArm.ActiveExperts, "slices a patch really meets", "F2"), new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture, $"accuracy {Percent(slices):F1} % of slices and {Percent(union):F1} % with heads, {Percent(moe):F1} % of token choice, {Percent(dense):F1} % dense; random routers {Percent(frozen):F1} %"))
        {
            Notes =
            [
                "In the authors' language and Long Range Arena models the scores are used for selection alone, so their routers get no gradient: the arm \"UoE, frozen\". The gate that multiplies a token's merged output by the probability mass of the experts that took it is this project's choice; it is 1 when all did.",
                "Selection by patches looks at the whole sequence. The authors use it in a causal language model, whose perplexities therefore know the future; here a decoder with it is refused.",
                "The authors fill places that no patch wants with unwanted ones; here such a place adds nothing, so a union does somewhat less than is counted.",
                "Published results are for other tasks and sizes (WikiText-103, Long Range Arena, image classification); only the direction is tested.",
            ],
        };
    }

    private static void Union(ModelOptions model)
    {
        (model.Router.Selection, model.Router.WeightRule) = ("patches", "sum");
        model.Router.Patches.Capacity = 0.5;
    }

    private static void WithHeads(ModelOptions model)
    {
        Union(model);
        (model.HeadRouting.HeadsPerToken, model.HeadRouting.Capacity) = (2, 0.5);
    }

    private static double Percent(ArmResult arm) => 100 * arm.Runs.Average(run => run[ClassifierArm.Accuracy]);
}
