using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>What passes of a model use in place of its weights: parts, mixtures, masked ones.</summary>
internal static class UsedWeights
{
    /// <summary>Gives each weight of an ordinary model what passes use in the place of the weight of that name.</summary>
    public static void Copy(IReadOnlyList<Weight> from, Model to)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ops = new TorchOps();
        var sources = from.ToDictionary(weight => weight.Name);
        foreach (var weight in to.Weights)
            weight.Parameter.copy_(TorchOps.TensorOf(ops.Weight(sources[weight.Name])));
    }
}
