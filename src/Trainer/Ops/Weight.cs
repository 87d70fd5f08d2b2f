using TorchSharp;

namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// A named trainable tensor of a layer. Training runs on the TorchSharp parameter; export writes it as an initializer of
/// the same name.
/// </summary>
public sealed class Weight(string name, TorchSharp.Modules.Parameter parameter)
{
    /// <summary>Dotted path, unique in the model, for example <c>layers.0.moe.experts.up</c>.</summary>
    public string Name { get; } = name;

    public TorchSharp.Modules.Parameter Parameter { get; } = parameter;

    /// <summary>True for stored statistics and for scales of codes, which are no parameters.</summary>
    public bool IsStatistic { get; init; }

    /// <summary>Parameters that packed codes stand for; null: each element is one.</summary>
    public long? StandsFor { get; init; }

    /// <summary>False for a weight that training leaves as it is.</summary>
    public bool IsTrainable => Parameter.requires_grad;

    public long[] Shape => Parameter.shape;

    /// <summary>What passes use in place of the product with this weight; null: that product.</summary>
    public IMatrixProduct? Product { get; set; }

    /// <summary>The elements that passes use, where a supernet runs one of its architectures; null: all.</summary>
    public WeightPart? Part { get; set; }

    /// <summary>What passes use instead of this weight alone: a mixture of it with others; null: itself.</summary>
    public WeightMixture? Mixture { get; set; }

    /// <summary>Sizes of what passes use.</summary>
    public long[] UsedShape => Part?.Shape ?? Shape;

    /// <summary>Elements that passes use.</summary>
    public long UsedCount => UsedShape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Makes passes use the first elements of each dimension.</summary>
    public void Use(params IReadOnlyList<long> sizes) => Part = WeightPart.Leading(sizes);
}
