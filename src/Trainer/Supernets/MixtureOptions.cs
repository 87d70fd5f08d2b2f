using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// The recipe's section Supernet:Mixture: feed-forward matrices of a transformer as mixtures of several, in a proportion that a small router finds from the
/// architecture alone (Jawahar et al. 2024, Mixture-of-Supernets, arXiv 2306.04845).
/// </summary>
public sealed class MixtureOptions
{
    [Setting("Sets of feed-forward weights that are mixed; 1: an ordinary supernet", Min = 1)]
    public int Experts { get; set; } = 1;

    [Setting("One proportion for a whole layer, or one for each neuron that a matrix leads to", Choices = "layer|neuron")]
    public string Variant { get; set; } = "layer";

    [Setting("What the routers know of an architecture: every gene, or of each kind of genes the mean over the blocks that exist", Choices = "fine|aggregate")]
    public string Features { get; set; } = "aggregate";

    [Setting("What each feature is divided by; none: the largest choice of its genes", Min = 0)]
    public double[] Scales { get; set; } = [];

    [Setting("What is first subtracted from each feature; none: nothing")]
    public double[] Offsets { get; set; } = [];

    [Setting("Routers see 0.5 in place of every feature, so that they cannot know the architecture: a control")]
    public bool Blind { get; set; }

    [Setting("Hidden size of the routers", Min = 1)]
    public int RouterHidden { get; set; } = 128;
}
