using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Growth;

/// <summary>The recipe's section Model:Growth: a network that is grown from two narrow ones (Pham et al. 2024, MixtureGrowth, arXiv 2311.04251).</summary>
public sealed class GrowthOptions
{
    /// <summary>The word of <see cref="Coefficients"/> for what the paper does.</summary>
    public const string Orthogonal = "orthogonal";

    [Setting("Weight templates of each of the two sets that a layer's weights are combined of; 0: an ordinary network", Min = 0)]
    public int Templates { get; set; }

    [Setting("New combinations where the two networks meet: orthogonal (one as initialized, one least like the earlier ones), copy (the members' with noise), zero, random; or fresh: no combinations, new weights",
        Choices = "orthogonal|copy|zero|random|fresh")]
    public string Coefficients { get; set; } = Orthogonal;

    [Setting("Length of the new or noisy coefficients; of fresh weights a factor of their deviation, which is Kaiming's for the inputs of a block", Min = 0)]
    public double Scale { get; set; } = 1;
}
