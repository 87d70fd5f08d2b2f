using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// A model that holds the architectures of a search space in one set of weights: each uses the leading part of the largest one's weights, in every dimension
/// (Cai et al. 2020, Once-for-All, arXiv 1908.09791).
/// </summary>
public interface ISupernet
{
    /// <summary>The architectures it holds.</summary>
    SearchSpace Space { get; }

    /// <summary>The one that forward passes run; at first the largest.</summary>
    Architecture Active { get; set; }

    /// <summary>False for genes of which no working model can be made.</summary>
    bool IsValid(Architecture architecture) => true;

    /// <summary>The supernet as the model that is trained.</summary>
    Model Model { get; }

    /// <summary>The recipe's section Model of the extracted model: the supernet's own, with the architecture's sizes, and its precision where the space has
    /// genes of it.</summary>
    ModelOptions OptionsOf(Architecture architecture);

    /// <summary>An ordinary model of one architecture, with its part of the weights. Not quantized, whatever its genes. What the supernet does later leaves it alone.</summary>
    Model Extract(Architecture architecture);
}
