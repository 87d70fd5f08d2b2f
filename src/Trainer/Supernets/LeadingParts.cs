using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>The parts of weights that an architecture uses: in every dimension the first elements.</summary>
internal static class LeadingParts
{
    /// <summary>The first elements of a weight as a value; the weight itself where all are used.</summary>
    public static Value Leading(this OpSet ops, Weight weight, params ReadOnlySpan<long> sizes)
    {
        var value = ops.Weight(weight);
        for (var dimension = 0; dimension < sizes.Length; dimension++)
            if (sizes[dimension] != weight.Shape[dimension])
                value = value.Slice(dimension, 0, sizes[dimension]);
        return value;
    }

    /// <summary>Gives each weight of a smaller model the leading part of the weight of that name in a larger one.</summary>
    /// <param name="from">The larger one; it may be a part of a model, whose names begin with its own.</param>
    /// <param name="to">The smaller one.</param>
    public static void Copy(Model from, Model to)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var sources = from.Weights.ToDictionary(weight => weight.Name);
        foreach (var weight in to.Weights)
        {
            var part = sources[from.Prefix + weight.Name].Parameter.detach();
            for (var dimension = 0; dimension < weight.Shape.Length; dimension++)
                part = part.narrow(dimension, 0, weight.Shape[dimension]);
            weight.Parameter.copy_(part);
        }
    }
}
