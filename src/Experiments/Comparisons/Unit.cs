namespace OnnxMoe.Experiments.Comparisons;

/// <summary>A power of a thousand that brings numbers into reach of the eye.</summary>
/// <param name="Size">What to divide by.</param>
/// <param name="Prefix">Before a unit: M.</param>
/// <param name="Word">Of things that have no unit: millions.</param>
internal readonly record struct Unit(double Size, string Prefix, string Word)
{
    /// <summary>The largest that leaves the largest number at 1 or more.</summary>
    public static Unit For(double largest) => largest switch
    {
        >= 1e12 => new(1e12, "T", "trillions"),
        >= 1e9 => new(1e9, "G", "billions"),
        >= 1e6 => new(1e6, "M", "millions"),
        >= 1e3 => new(1e3, "k", "thousands"),
        _ => new(1, "", "number"),
    };
}
