namespace OnnxMoe.Trainer.Training;

/// <summary>Where a training run stands, apart from its tensors.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="BestLoss">Lowest validation loss so far, in nats a token.</param>
/// <param name="BestStep">Step of that loss.</param>
/// <param name="Settings">Fingerprint of all settings that the result depends on.</param>
public sealed record Checkpoint(int Step, double BestLoss, int BestStep, string Settings)
{
    /// <summary>The state before the first step.</summary>
    public static Checkpoint Start(string settings) => new(0, double.PositiveInfinity, 0, settings);
}
