using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>The recipe's section Start:Extraction: how experts are cut out of a dense model by what each domain of the text activates (Start:Convert=read-me).</summary>
public sealed class ExtractionOptions
{
    [Setting("Part of the hidden units that an expert keeps", Min = 0, Max = 1)]
    public double KeepRate { get; set; } = 0.5;

    [Setting("Training sequences of each domain that the importance of hidden units is measured on", Unit = "sequences", Min = 1)]
    public int Samples { get; set; } = 16;

    [Setting("Give each expert its own copy of what all of them keep, rather than store it once: the same outputs, more memory, and each copy is trained by itself")]
    public bool Fused { get; set; }
}
