using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Cli.Tests.Support;

/// <summary>One setting of each kind.</summary>
public sealed class SampleOptions
{
    [Setting("Optimizer steps", Unit = "steps", Min = 1, Max = 1000)]
    public int Steps { get; init; } = 100;

    [Setting("Step size", Min = 0)]
    public double LearningRate { get; init; } = 0.001;

    [Setting("Activation", Choices = "relu|gelu")]
    public string Activation { get; init; } = "gelu";

    [Setting("Go on from the last checkpoint")]
    public bool Resume { get; init; }

    [Setting("Where to write")]
    public string Folder { get; init; } = "";

    [Setting("Blocks with experts", Min = 0)]
    public int[] Layers { get; init; } = [1, 2];

    public string NotASetting { get; init; } = "hidden";
}
