using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The recipe's section Model:Router:Mixer: a token's expert probabilities as an average over related tokens (Graph of Tokens, Nguyen et
/// al. 2025, arXiv 2505.00792).
/// </summary>
public sealed class MixerOptions
{
    [Setting("How related tokens are found: by a learned similarity, by the weights of the block's attention, or not at all", Choices = "none|similarity|attention")]
    public string Kind { get; set; } = "none";

    [Setting("How much of the average is taken; the rest is the token's own probabilities", Min = 0, Max = 1)]
    public double Share { get; set; } = 1;

    [Setting("Temperature of the similarity at the start; above 0")]
    public double Temperature { get; set; } = 1;

    [Setting("How attention heads are joined: by how well each explains the token, or by their mean", Choices = "posterior|mean")]
    public string Heads { get; set; } = "posterior";

    [Setting("Width of the explanation of a token by a head at the start; above 0")]
    public double Width { get; set; } = 1;

    [Setting("Train Temperature and Width")]
    public bool Learned { get; set; } = true;

    [Setting("Rows of the similarity that training computes at a time, which takes less memory; 0: all at once", Min = 0)]
    public int Rows { get; set; }
}
