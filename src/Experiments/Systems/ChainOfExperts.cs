using System.Globalization;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>
/// Two iterations over the same experts against one at equal routed evaluations, and a router for each iteration against one for both
/// (Wang et al. 2025, arXiv 2506.18945).
/// </summary>
public sealed class ChainOfExperts : Experiment
{
    private const int Experts = 16, Active = 4;
    private const string Evaluations = "expert_evaluations", FirstInput = "rms_0", SecondInput = "rms_1", Repeated = "repeated_experts";

    public override string Name => "30-coe";

    public override string System => "Chain-of-Experts";

    public override string Paper => "2506.18945";

    public override string Citation => "Wang et al. (2025), Chain-of-Experts: Unlocking the Communication Power of Mixture-of-Experts Models";

    public override string WhatItIs => "a layer applies the same experts several times in turn, each time routed anew by what the time before made";

    public override string Claim => "two iterations of half as many experts reach a lower loss than one, and a router for each iteration is better than one for both";

    public override string Recipe => "coe";

    public override ExperimentResult Run(ExperimentContext context)
    {
        // The residual base is set once, for all arms: a baseline with the other one would be another comparison.
        TinyArm Arm(string name, string description, string residualBase, Action<ChainOptions> chain) => new(name, description, context.Tiny(model =>
        {
            (model.Layers, model.Experts, model.ExpertsPerToken, model.ExpertHidden, model.SharedExperts) = (3, Experts, Active, 32, 1);
            (model.Router.WeightRule, model.Router.BalanceLoss, model.Router.BalanceScope) = ("softmax", 0.001, "sequence");
            model.Chain.Base = residualBase;
            chain(model.Chain);
        }), Measure);
        var arms = context.RunAll(
            Arm("MoE", "one iteration of 4 experts", "raw", _ => { }),
            Arm("CoE", "2 iterations of 2 experts, a router each", "raw", chain => chain.Iterations = 2),
            Arm("CoE, shared router", "2 iterations, the same router's weights in both (the released ablation)", "raw", chain => (chain.Iterations, chain.Gate) = (2, "shared-weights")),
            Arm("CoE, shared choice", "2 iterations, the first one's choice in both", "raw", chain => (chain.Iterations, chain.Gate) = (2, "shared-choice")),
            Arm("CoE, shared expert once", "2 iterations, the shared expert in the first alone: as many evaluations as MoE", "raw", chain => (chain.Iterations, chain.SharedOnce) = (2, true)),
            Arm("MoE, normed", "MoE with the released code's residual base", "normed", _ => { }),
            Arm("CoE, normed", "CoE with the released code's residual base", "normed", chain => chain.Iterations = 2));
        var (moe, coe, router, choice, once, moeNormed, coeNormed) = (arms[0], arms[1], arms[2], arms[3], arms[4], arms[5], arms[6]);
        ClaimResult Loss(ClaimKind kind, string claim, string measure, ArmResult worse, ArmResult better) =>
            new Claim(kind, claim, $"validation loss of {measure} (nats)").Judge(PairedDifference.Of(worse, better, TinyArm.ValidationLoss));
        ClaimResult[] claims =
        [
            Loss(ClaimKind.Primary, "Lower loss at equal routed evaluations", "MoE minus of CoE", moe, coe),
            Loss(ClaimKind.Secondary, "A router for each iteration is better than one router's weights in both", "CoE with a shared router minus of CoE", router, coe),
            Loss(ClaimKind.Secondary, "It is better than the first iteration's choice in both", "CoE with a shared choice minus of CoE", choice, coe),
            Loss(ClaimKind.Secondary, "Lower loss with the released code's residual base", "MoE minus of CoE, both normed", moeNormed, coeNormed),
            Loss(ClaimKind.Report, "Lower loss at equal evaluations, shared experts counted", "MoE minus of CoE with the shared expert once", moe, once),
        ];
        var setup = ((TinyArm)moe.Arm).Setup.Trainer;
        return new ExperimentResult(
            $"3 routed layers of {Experts} experts and 1 shared one, hidden size 32; {Active} routed evaluations a token and layer in every arm; softmax weights as they are; balance loss 0.001 within the sequence, summed over iterations, no z-loss; "
            + $"{setup.Steps} steps of {setup.BatchSize} x {setup.SequenceLength} bytes. Compared arms have the same residual base.",
            arms,
            [
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Bits, "bits a character"), new Metric(Evaluations, "expert evaluations a token and layer", "F1"),
                new Metric(Repeated, "experts met again in iteration 2", "P1"), new Metric(FirstInput, "RMS of x0, last layer", "F2"), new Metric(SecondInput, "RMS of x1, last layer", "F2"),
                new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"), new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture,
                $"loss {Mean(coe, TinyArm.ValidationLoss):F3} against {Mean(moe, TinyArm.ValidationLoss):F3} nats of one iteration; {Mean(router, TinyArm.ValidationLoss):F3} with one router for both; {Flops(coe) / Flops(moe):F2} x the FLOPs a token"))
        {
            Notes =
            [
                "Training seconds depend on what else the machine does, so that only large differences mean something.",
                "Expert evaluations count shared experts, which run in every iteration unless the arm says otherwise: CoE does one more evaluation than MoE.",
                "The paper's gain of 823 times in combinations of experts does not follow from its own formula, which gives C(64,4)^2 / C(64,8) = 91.",
                "In the paper's own logs a model of 8 or 12 plain layers has a lower loss than the chain; its claim is less memory at a like loss. Depth is not compared here.",
            ],
        };
    }

    private static void Measure(TinyRun run, Measurement result)
    {
        var chain = run.Setup.Model.Chain;
        result[Evaluations] = run.Setup.Model.ExpertsPerToken + run.Setup.Model.SharedExperts * (chain.SharedOnce ? 1 : chain.Iterations);
        var layers = run.Snapshot(8192).Layers; // both iterations of a layer, then those of the next
        if (chain.Iterations > 1)
            result[Repeated] = layers.Chunk(2).Average(pair => pair[0].Indices.Zip(pair[1].Indices, (a, b) => b.Count(a.Contains) / (double)b.Length).Average());
        var (last, squares) = (run.Model.RoutedLayers.Last().Number, new Dictionary<int, List<double>>());
        run.Evaluate(new EvaluationHooks { Watch = Watch }, 8192);
        foreach (var (iteration, means) in squares)
            result[iteration == 0 ? FirstInput : SecondInput] = Math.Sqrt(means.Average());

        void Watch(RoutedLayer layer, Value x)
        {
            if (layer.Number != last)
                return;
            if (!squares.TryGetValue(layer.Iteration, out var means))
                squares[layer.Iteration] = means = [];
            means.Add(TorchOps.TensorOf(x).square().mean().item<float>());
        }
    }

    /// <summary>Of a token in the middle of a sequence.</summary>
    private static double Flops(ArmResult arm)
    {
        var setup = ((TinyArm)arm.Arm).Setup;
        var model = new DecoderLm(setup.Model, new ByteTokenizer().VocabularySize, seed: 0);
        return ModelCost.Flops(model, new CostContext((setup.Trainer.SequenceLength + 1) / 2.0)).Sum(part => part.Flops);
    }

    private static double Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]);
}
