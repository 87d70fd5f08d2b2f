namespace TorchSharp.Modules;

/// <summary>The options of one parameter group; what is not set comes from the optimizer's defaults.</summary>
public class OptimizerOptions
{
    public double? LearningRate { get; set; }

    public double InitialLearningRate { get; set; }
}
