using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Tests.Support;

/// <summary>Claims that its first arm's loss is higher than its second's.</summary>
internal sealed class SampleExperiment(params CountedArm[] arms) : Experiment
{
    public override string Name => "20-sample";

    public override string System => "Sample";

    public override string Paper => "2401.00000";

    public override string Citation => "Some One (2024), Sample";

    public override string WhatItIs => "a sample | with a bar";

    public override string Claim => "the first arm is worse";

    public override ExperimentResult Run(ExperimentContext context)
    {
        var results = context.RunAll(arms);
        return new ExperimentResult("Two numbers.", results, [new Metric(TinyArm.ValidationLoss, "loss (nats)", "F2")],
            [new Claim(ClaimKind.Primary, "Worse", "first minus second").Judge(PairedDifference.Of(results[0], results[1], TinyArm.ValidationLoss))], "1 | 2");
    }
}
