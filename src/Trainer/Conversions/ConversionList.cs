namespace OnnxMoe.Trainer.Conversions;

/// <summary>All conversions.</summary>
internal static class ConversionList
{
    /// <summary>Their names, as the setting lists them.</summary>
    public const string Names = "copy|null-experts|btx|bam|read-me|union|segment|quantize";

    /// <summary>New ones each time: a conversion belongs to one run.</summary>
    private static Conversion[] All => [new CopyWeights(), new AddNullExperts(), new BranchTrainMix(), new BranchAttendMix(), new ReadMe(), new DecomposeIntoUnion(), new SegmentFfn(), new QuantizeWeights()];

    /// <summary>The conversion of a name that the setting allows.</summary>
    public static Conversion Find(string name) => All.Single(conversion => conversion.Name == name);
}
