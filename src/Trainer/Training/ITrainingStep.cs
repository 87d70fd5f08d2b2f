using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Makes the steps of a training run, and names the state between them, so that a checkpoint can hold it.</summary>
public interface ITrainingStep : IDisposable
{
    /// <summary>Makes step number <paramref name="step"/>, counted from 0; what it does depends on the seed, the weights and the state alone.</summary>
    StepMetrics Run(int step);

    /// <summary>The state's tensors by name, the live ones: copying into them restores a state.</summary>
    IEnumerable<(string Name, Tensor Moment)> Moments();

    /// <summary>Tells how many steps were made, after a state was restored.</summary>
    void SetSteps(int steps);
}
