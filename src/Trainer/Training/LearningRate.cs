namespace OnnxMoe.Trainer.Training;

/// <summary>Linear warm-up to the peak, then a cosine down to a fraction of it.</summary>
public static class LearningRate
{
    /// <param name="options">Peak, warm-up, length and final fraction.</param>
    /// <param name="step">Counted from 0.</param>
    public static double At(TrainerOptions options, int step)
    {
        if (step < options.WarmupSteps)
            return options.LearningRate * (step + 1) / options.WarmupSteps;
        var progress = (double)(step - options.WarmupSteps) / Math.Max(1, options.Steps - options.WarmupSteps);
        var cosine = 0.5 * (1 + Math.Cos(Math.PI * Math.Min(1, progress)));
        return options.LearningRate * (options.FinalLearningRate + (1 - options.FinalLearningRate) * cosine);
    }
}
