using System.Globalization;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Experiments.Systems;

/// <summary>The layerwise recurrent router against a linear one and against itself without passing its state (Qiu et al. 2024, arXiv 2408.06793).</summary>
public sealed class Rmoe : Experiment
{
    private const int Tokens = 8192;
    private const int Width = 32;
    private const double LargerStart = 0.2;
    private const string Information = "information", First = "information_first", Binned = "information_bins", Entropy = "entropy";

    public override string Name => "05-rmoe";

    public override string System => "RMoE";

    public override string Paper => "2408.06793";

    public override string Citation => "Qiu et al. (2024), Layerwise Recurrent Router for Mixture-of-Experts, ICLR 2025";

    public override string WhatItIs => "a GRU that runs over the layers, shared by all of them, hands what a token met in earlier routers to the next one";

    public override string Claim => "with the recurrent router the choices of different layers tell more of each other";

    public override string Recipe => "rmoe";

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinyArm Recurrent(string name, string description, Action<RecurrentOptions>? change = null, double deviation = 0) => new(name, description,
            context.Tiny(model =>
            {
                (model.Layers, model.Router.Scores, model.Router.Recurrent.Width, model.Router.InitialDeviation) = (6, "recurrent", Width, deviation);
                change?.Invoke(model.Router.Recurrent);
            }), Measure);
        var linear = new TinyArm("SMoE", "a linear router", context.Tiny(model => model.Layers = 6), Measure);
        var arms = context.RunAll(linear,
            Recurrent("NP", $"projection to {Width}, GRU, scores; every layer starts from a state of zero", recurrent => recurrent.Pass = false),
            Recurrent("RMoE", "the same with the state passed from layer to layer"),
            Recurrent("RMoE detached", "the state passed without its gradient", recurrent => recurrent.Detach = true),
            Recurrent("NP, larger start", $"NP with router weights of standard deviation {LargerStart} at first", recurrent => recurrent.Pass = false, LargerStart),
            Recurrent("RMoE, larger start", "RMoE with the same", deviation: LargerStart));
        var (smoe, alone, rmoe, detached, largerAlone, larger) = (arms[0], arms[1], arms[2], arms[3], arms[4], arms[5]);
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "The layers' choices tell more of each other than with a linear router", "cross-layer information of RMoE minus of SMoE (nats)")
                .Judge(PairedDifference.Of(rmoe, smoe, Information)),
            new Claim(ClaimKind.Primary, "It is the passing of the state that does it", "cross-layer information of RMoE minus of NP (nats)")
                .Judge(PairedDifference.Of(rmoe, alone, Information)),
            new Claim(ClaimKind.Secondary, "The same for the most probable experts", "information of first choices, RMoE minus SMoE (nats)").Judge(PairedDifference.Of(rmoe, smoe, First)),
            new Claim(ClaimKind.Secondary, "The same for the most probable experts, against NP", "information of first choices, RMoE minus NP (nats)").Judge(PairedDifference.Of(rmoe, alone, First)),
            new Claim(ClaimKind.Report, "By the paper's own estimator", "binned information, RMoE minus SMoE (nats)").Judge(PairedDifference.Of(rmoe, smoe, Binned)),
            new Claim(ClaimKind.Report, "By the paper's own estimator, against NP", "binned information, RMoE minus NP (nats)").Judge(PairedDifference.Of(rmoe, alone, Binned)),
            new Claim(ClaimKind.Report, "Lower validation loss than with a linear router", "SMoE minus RMoE (bits a character)").Judge(PairedDifference.Of(smoe, rmoe, TinyArm.Bits)),
            new Claim(ClaimKind.Report, "Lower validation loss than without passing", "NP minus RMoE (bits a character)").Judge(PairedDifference.Of(alone, rmoe, TinyArm.Bits)),
            new Claim(ClaimKind.Report, "Cutting the state's gradient hurts", "detached minus RMoE (bits a character)").Judge(PairedDifference.Of(detached, rmoe, TinyArm.Bits)),
            new Claim(ClaimKind.Report, "With a larger start the layers' choices tell more of each other than with a linear router", "cross-layer information of RMoE, larger start, minus of SMoE (nats)")
                .Judge(PairedDifference.Of(larger, smoe, Information)),
            new Claim(ClaimKind.Report, "With a larger start it is the passing of the state that does it", "cross-layer information of RMoE, larger start, minus of NP, larger start (nats)")
                .Judge(PairedDifference.Of(larger, largerAlone, Information)),
        ];
        var setup = linear.Setup.Trainer;
        return new ExperimentResult(
            $"6 routed layers of 8 experts, 2 for a token, balance loss 0.01, no z-loss; {setup.Steps} steps of {setup.BatchSize} x {setup.SequenceLength} bytes. Information is mutual information in nats, the mean over "
            + $"the 15 pairs of layers, of {Tokens} validation tokens: the joint distribution of two layers is the mean over tokens of the outer product of their router probabilities.",
            arms,
            [
                new Metric(Information, "information"), new Metric(First, "of first choices"), new Metric(Binned, "by the paper's bins"), new Metric(Entropy, "router entropy (nats)", "F3"),
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(TinyArm.Bits, "bits a character"), new Metric(TinyArm.BusiestExpert, "busiest expert (x even share)", "F2"),
                new Metric(TinyArm.Parameters, "parameters", "N0"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            claims,
            string.Create(CultureInfo.InvariantCulture,
                $"cross-layer information {Mean(rmoe, Information):F3} nats against {Mean(smoe, Information):F3} of a linear router and {Mean(alone, Information):F3} without passing; loss {Mean(rmoe, TinyArm.ValidationLoss):F3} against {Mean(smoe, TinyArm.ValidationLoss):F3} nats; with a larger start {Mean(larger, Information):F3} and {Mean(larger, TinyArm.ValidationLoss):F3}"))
        {
            Notes =
            [
                "The paper sees no gain in loss at 15 million parameters, so no difference at this size agrees with it; losses are therefore only reported.",
                "Information from probabilities grows with the certainty of the routers, too; the entropy and the information of first choices are there to tell the two apart.",
                "Projection, cell and scores in a row make RMoE's first scores far smaller than a linear router's at the same standard deviation of the weights, and the routers then stay nearly uniform for the whole run. "
                + $"With {LargerStart} the first scores are about as spread as the linear router's. These two arms were added after a first result, so they are only reported.",
                "The paper's bins compare the shape of two layers' probabilities, not which expert is which, so it is a different number, and only reported.",
            ],
        };
    }

    private static void Measure(TinyRun run, Measurement result)
    {
        var snapshot = run.Snapshot(Tokens);
        result[Information] = CrossLayerInformation.OfProbabilities(snapshot.Layers);
        result[First] = CrossLayerInformation.OfFirstChoices(snapshot.Layers);
        result[Binned] = CrossLayerInformation.OfBins(snapshot.Layers);
        result[Entropy] = snapshot.Entropy;
    }

    private static double Mean(ArmResult arm, string measure) => arm.Runs.Average(run => run[measure]);
}
