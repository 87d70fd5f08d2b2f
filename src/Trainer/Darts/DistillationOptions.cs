using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Darts;

/// <summary>The recipe's section Supernet:Darts:Distillation: earlier states of the supernet teach it (Zhu et al. 2023, SD-DARTS, arXiv 2302.05629).</summary>
public sealed class DistillationOptions
{
    [Setting("Earlier states whose outputs are averaged; 0: none", Min = 0)]
    public int Teachers { get; set; }

    [Setting("Steps from one kept state to the next", Unit = "steps", Min = 1)]
    public int Interval { get; set; } = 10;

    [Setting("What logits are divided by before they are compared; above 0", Min = 0)]
    public double Temperature { get; set; } = 1;

    [Setting("Weight of the divergence from the teachers beside the cross-entropy", Min = 0)]
    public double Weight { get; set; } = 1;

    [Setting("Share of the steps over which the weight grows from 0", Min = 0, Max = 1)]
    public double Ramp { get; set; } = 0.2;

    [Setting("The architecture weights learn from the teachers, too")]
    public bool OnAlpha { get; set; }

    [Setting("The most that all kept states may take", Unit = "MB", Min = 1)]
    public int MemoryLimit { get; set; } = 1024;

    /// <summary>False where no teacher has a say.</summary>
    public bool IsOn => Teachers > 0 && Weight > 0;

    /// <exception cref="UserError">A setting is out of its range.</exception>
    public void Check()
    {
        const string section = "Supernet:Darts:Distillation";
        if (!(Temperature > 0))
            throw new UserError($"{section}:Temperature is {Temperature}; it must be above 0.");
        if (!(Weight >= 0))
            throw new UserError($"{section}:Weight is {Weight}; it must be 0 or more.");
        if (Teachers < 0)
            throw new UserError($"{section}:Teachers is {Teachers}; it must be 0 or more.");
        if (Interval < 1)
            throw new UserError($"{section}:Interval is {Interval}; it must be 1 or more.");
    }
}
