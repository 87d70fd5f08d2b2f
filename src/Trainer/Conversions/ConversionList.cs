namespace OnnxMoe.Trainer.Conversions;

/// <summary>All conversions.</summary>
internal static class ConversionList
{
    /// <summary>Their names, as the setting lists them.</summary>
    public const string Names = "copy|slice";

    private static readonly Conversion[] All = [new CopyWeights(), new SliceDense()];

    /// <summary>The conversion of a name that the setting allows.</summary>
    public static Conversion Find(string name) => All.Single(conversion => conversion.Name == name);
}
