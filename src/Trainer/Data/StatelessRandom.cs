namespace OnnxMoe.Trainer.Data;

/// <summary>
/// Random numbers as a pure function of what they are for, so that nothing has to be saved to resume a run exactly. Each part is
/// mixed in by the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
/// </summary>
public static class StatelessRandom
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15;

    /// <summary>64 random bits for that key.</summary>
    public static ulong Next(params ReadOnlySpan<long> key)
    {
        var state = 0UL;
        foreach (var part in key)
            state = Mix(state + GoldenGamma + (ulong)part);
        return Mix(state + GoldenGamma);
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
        value = (value ^ value >> 27) * 0x94D049BB133111EB;
        return value ^ value >> 31;
    }
}
