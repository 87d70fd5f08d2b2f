using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Growth;

/// <summary>The recipe's section Trainer:Growth: when a network of Model:Growth grows.</summary>
public sealed class GrowthScheduleOptions
{
    [Setting("Steps of each of the two narrow networks; what remains of Trainer:Steps trains the whole one", Unit = "steps", Min = 1)]
    public int MemberSteps { get; set; } = 400;

    [Setting("Peak learning rate of the whole network", Min = 0)]
    public double LearningRate { get; set; } = 1e-4;
}
