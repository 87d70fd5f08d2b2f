using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// Trains groups of weights in turn: rounds of phases. Each phase begins with a new optimizer and lets its learning rate fall by a cosine; the
/// peaks shrink from round to round (Cai et al. 2024, Read-ME, arXiv 2410.19123).
/// </summary>
/// <param name="phases">In the order of a round.</param>
/// <param name="roundDecay">What the peaks are multiplied by from round to round.</param>
/// <param name="finalRate">Where the cosine ends, as a fraction of the peak.</param>
public sealed class AlternatingTrainer(IReadOnlyList<TrainingPhase> phases, double roundDecay, double finalRate) : ITrainingStep
{
    public StepMetrics Run(int step)
    {
        var (round, phase, at) = Locate(step);
        if (at == 0)
            phase.Optimizer?.Reset();
        return phase.Run(step, LearningRateAt(round, phase, at));
    }

    /// <summary>The learning rate of a step.</summary>
    public double LearningRateAt(int step)
    {
        var (round, phase, at) = Locate(step);
        return LearningRateAt(round, phase, at);
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => phases.SelectMany(phase => phase.Optimizer?.Moments() ?? []);

    /// <summary>Only the phase that goes on has made steps that count: the others begin anew.</summary>
    public void SetSteps(int steps)
    {
        var (_, phase, at) = Locate(steps);
        phase.Optimizer?.SetSteps(at);
    }

    public void Dispose()
    {
        foreach (var phase in phases)
            phase.Optimizer?.Dispose();
    }

    private (int Round, TrainingPhase Phase, int At) Locate(int step)
    {
        var (round, at) = Math.DivRem(step, phases.Sum(phase => phase.Steps));
        var index = 0;
        for (; at >= phases[index].Steps; index++)
            at -= phases[index].Steps;
        return (round, phases[index], at);
    }

    private double LearningRateAt(int round, TrainingPhase phase, int at)
    {
        var cosine = 0.5 * (1 + Math.Cos(Math.PI * at / phase.Steps));
        return phase.LearningRate * Math.Pow(roundDecay, round) * (finalRate + (1 - finalRate) * cosine);
    }
}
