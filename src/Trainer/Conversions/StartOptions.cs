using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>The recipe's section Start: trained models that the initial weights are made from.</summary>
public sealed class StartOptions
{
    [Setting("Models to start from, separated by commas: recipes (trained first if they are not yet) or folders; none: random weights")]
    public string From { get; set; } = "";

    [Setting("How their weights become the initial ones", Choices = ConversionList.Names)]
    public string Convert { get; set; } = "copy";

    [Setting("Take the section Model of the model to start from, such as a subnetwork whose sizes a search chose (masked language models, encoder-decoders)")]
    public bool TakeSizes { get; set; }

    /// <summary>The section Start:Extraction.</summary>
    public ExtractionOptions Extraction { get; set; } = new();

    /// <summary>The names in <see cref="From"/>.</summary>
    public IReadOnlyList<string> Sources() => From.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
