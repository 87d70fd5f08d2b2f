using OnnxMoe.Experiments.TinyModels;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Fully sharded sparse data parallelism, simulated on expert counts recorded here (Qing et al. 2025, arXiv 2502.02581, section 5).</summary>
public sealed class Hecate : Experiment
{
    public override string Name => "21-hecate";

    public override string System => "Hecate";

    public override string Paper => "2502.02581";

    public override string Citation => "Qing, Zhu, Li, Lei, Sun, Guan, Zhao, Chen, Huang, Wang and Cui (2025), Hecate: Unlocking Efficient Sparse Model Training via Fully Sharded Sparse Data Parallelism";

    public override string WhatItIs => "each expert has one owner, and in each training step the experts that were busy lately are copied to more devices while attention computes";

    public override string Claim => "copies of the experts that were busy in the last steps, made behind attention, take the stragglers from expert parallelism";

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinyArm Arm(string name, int experts, double balance) => new(name, "",
            context.Tiny(model => (model.Layers, model.Experts, model.Router.BalanceLoss) = (6, experts, balance), trainer => trainer.ExpertCounts = true),
            (run, result) => result.Series["expert_counts"] = [.. run.Steps.SelectMany(step => step.ExpertCounts!.SelectMany(layer => layer)).Select(count => (double)count)]);
        var arms = context.RunAll(Arm("64 experts", 64, 0.01), Arm("64 experts, no balance loss", 64, 0), Arm("16 experts", 16, 0.01), Arm("16 experts, no balance loss", 16, 0));
        return new ExperimentResult("", arms, [], [], "");
    }
}
