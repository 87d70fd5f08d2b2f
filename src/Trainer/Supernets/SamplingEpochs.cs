namespace OnnxMoe.Trainer.Supernets;

/// <summary>The passes through the training data at whose ends samplers turn to what they observed.</summary>
/// <param name="StepsPerEpoch">Steps that draw as many examples as there are, rounded up.</param>
/// <param name="Epochs">Of the whole training, rounded up.</param>
/// <param name="TauMax">The largest share that what was observed gets.</param>
public sealed record SamplingEpochs(int StepsPerEpoch, int Epochs, double TauMax = 1)
{
    /// <param name="examples">Training examples.</param>
    /// <param name="examplesPerStep">Drawn by a step.</param>
    /// <param name="steps">Of the training.</param>
    /// <param name="tauMax">See <see cref="TauMax"/>.</param>
    public static SamplingEpochs Of(int examples, int examplesPerStep, int steps, double tauMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        var perEpoch = Up(examples, examplesPerStep);
        return new(perEpoch, Up(steps, perEpoch), tauMax);
    }

    /// <summary>Counted from 0.</summary>
    public int EpochOf(int step) => step / StepsPerEpoch;

    /// <summary>True for the last step of an epoch.</summary>
    public bool EndsWith(int step) => (step + 1) % StepsPerEpoch == 0;

    /// <summary>The share at the end of an epoch: it grows evenly from 0 at the end of the first.</summary>
    public double TauAt(int epoch) => Math.Min(TauMax, (double)epoch / Epochs);

    private static int Up(int whole, int part) => (whole + part - 1) / part;
}
