using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>
/// A frozen random router with a growing number of experts against a learned top-2 router and a dense model, each evaluated with 1 to all
/// experts (Chen et al. 2023, arXiv 2303.01610).
/// </summary>
public sealed class SmoeDropout : Experiment
{
    private const int Experts = 8;
    private const int Hidden = 32;
    private const int Learned = 2; // experts a token of the learned router
    private const double Noise = 0.005; // bits by which a step to more experts may be worse
    private static readonly int[] Numbers = [1, 2, 4, 6, 8];

    public override string Name => "40-smoe-dropout";

    public override string System => "SMoE-Dropout";

    public override string Paper => "2303.01610";

    public override string Citation => "Chen et al. (2023), Sparse MoE as the New Dropout: Scaling Dense and Self-Slimmable Transformers, ICLR 2023";

    public override string WhatItIs => "a frozen random router and a number of active experts that grows in training; the trained model runs with any number";

    public override string Claim => "more active experts make one trained model better up to all of them, where a learned router is best at the number it was trained with";

    public override string Recipe => "smoe-dropout";

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinySetup Setup(Action<ModelOptions> change) => context.Tiny(
            model =>
            {
                (model.Layers, model.Experts, model.ExpertsPerToken, model.ExpertHidden) = (2, Experts, Experts, Hidden);
                (model.Activation, model.Gated, model.FfnBias, model.Router.Bias) = ("relu", false, true, true);
                change(model);
            },
            trainer =>
            {
                (trainer.Steps, trainer.WarmupSteps, trainer.FinalLearningRate, trainer.ClipNorm) = (1500, 0, 0, 0.25);
                (trainer.WeightDecay, trainer.Beta2) = (0, 0.999);
            });
        var frozenSetup = Setup(model =>
        {
            (model.Router.Frozen, model.Router.InitialDeviation, model.Router.BalanceLoss) = (true, 0.125, 0); // 1 / sqrt(width): scores of deviation 1
            (model.Router.ActiveExperts.Schedule, model.Router.ActiveExperts.Least) = ("linear", Experts / 2);
        });
        var arms = context.RunAll(
            new TinyArm("frozen router", $"random router of deviation 0.125 that is never trained, {Experts / 2} to {Experts} of {Experts} experts of hidden size {Hidden} (linear)", frozenSetup, Measure),
            new TinyArm("learned router", $"the same experts, {Learned} for a token, balance loss 0.01", Setup(model => model.ExpertsPerToken = Learned), Measure),
            new TinyArm("dense", $"one feed-forward layer of hidden size {Experts * Hidden}", Setup(model => (model.FirstDenseLayers, model.DenseHidden) = (model.Layers, Experts * Hidden))));
        var (frozen, learned, dense) = (arms[0], arms[1], arms[2]);
        var (all, two) = (Bits(Experts), Bits(Learned));
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "More experts do not hurt the frozen router (up to 0.005 bits of noise)", $"least gain from one of {string.Join(", ", Numbers)} experts to the next (bits a character)") { Margin = -Noise }
                .Judge(PairedDifference.Of(frozen, run => Numbers.Zip(Numbers.Skip(1)).Min(pair => run[Bits(pair.First)] - run[Bits(pair.Second)]))),
            new Claim(ClaimKind.Primary, $"The frozen router with all experts is better than with {Learned}, by more than 0.05 bits", $"with {Learned} minus with {Experts} (bits a character)") { Margin = 0.05 }
                .Judge(PairedDifference.Of(frozen, two, frozen, all)),
            new Claim(ClaimKind.Primary, $"The learned router is best with the {Learned} experts it was trained with", "best of the other numbers minus that (bits a character)")
                .Judge(PairedDifference.Of(learned, run => Numbers.Where(k => k != Learned).Min(k => run[Bits(k)]) - run[two])),
            new Claim(ClaimKind.Primary, "The learned router is worse with all experts", $"with {Experts} minus with {Learned} (bits a character)").Judge(PairedDifference.Of(learned, all, learned, two)),
            new Claim(ClaimKind.Primary, "With all experts the frozen router is better than the learned one", "learned minus frozen (bits a character)").Judge(PairedDifference.Of(learned, frozen, all)),
            new Claim(ClaimKind.Report, "With all experts the frozen router is better than the dense model of equal size", "dense minus frozen (bits a character)").Judge(PairedDifference.Of(dense, TinyArm.Bits, frozen, all)),
            new Claim(ClaimKind.Report, "The frozen router at its best against the learned one at its own", "learned with 2 minus frozen with all (bits a character)").Judge(PairedDifference.Of(learned, two, frozen, all)),
        ];
        var setup = frozenSetup.Trainer;
        return new ExperimentResult(
            $"2 layers of width 64 with {Experts} experts (relu, biases), weights of a token's experts made to sum to 1; {setup.Steps} steps of {setup.BatchSize} x {setup.SequenceLength} bytes, Adam at 2e-3 with a cosine to 0, "
            + "gradients clipped at 0.25. The trained weights are evaluated with each number of experts.",
            arms,
            [
                .. Numbers.Select(k => new Metric(Bits(k), $"bits a character, k = {k}")), new Metric(TinyArm.Bits, "bits a character, own k"),
                new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"), new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture,
                $"bits a character with 1, 2, 4, 6, 8 experts: frozen {Curve(frozen)}, learned top-2 {Curve(learned)}; dense {Mean(dense, TinyArm.Bits):F3}"))
        {
            Notes =
            [
                "The initial deviation of the frozen router is part of the method: 0.125 gives scores of deviation 1 on normalized tokens of width 64. With a much smaller one all weights are near 1/k.",
                "The paper's experts have dropout, which is left out in all arms here.",
                "That all experts beat a dense model is a claim on larger models and longer training, so it is only reported.",
            ],
        };
    }

    private static string Bits(int k) => $"bits_k{k}";

    private static void Measure(TinyRun run, Measurement result)
    {
        foreach (var k in Numbers)
            result[Bits(k)] = run.Evaluate(new EvaluationHooks { ActiveExperts = k }).Loss / Math.Log(2); // a token is a byte
    }

    private static string Curve(ArmResult arm) => string.Join(" ", Numbers.Select(k => Mean(arm, Bits(k)).ToString("F3", CultureInfo.InvariantCulture)));

    private static double Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]);
}
