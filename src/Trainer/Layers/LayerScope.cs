using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Names and initializes the weights of a layer; child scopes add a part to the dotted name and register with their parents.</summary>
public sealed class LayerScope
{
    private readonly string _prefix;
    private readonly LayerScope? _parent;
    private readonly Generator _random;
    private readonly List<Weight> _weights = [];

    /// <param name="seed">Seed of all initial values below this scope.</param>
    public LayerScope(long seed) : this("", null, new Generator((ulong)seed))
    {
    }

    private LayerScope(string prefix, LayerScope? parent, Generator random) => (_prefix, _parent, _random) = (prefix, parent, random);

    public IReadOnlyList<Weight> Weights => _weights;

    public LayerScope Child(string name) => new(Path(name), this, _random);

    /// <summary>A weight drawn from a normal distribution.</summary>
    public Weight Normal(string name, double deviation, params long[] shape)
    {
        using var noGrad = no_grad();
        return Add(name, randn(shape, generator: _random).mul_(deviation));
    }

    /// <summary>A weight whose elements all have one value.</summary>
    public Weight Filled(string name, double value, params long[] shape) => Add(name, full(shape, value, dtype: ScalarType.Float32));

    private Weight Add(string name, Tensor initial)
    {
        var weight = new Weight(Path(name), new TorchSharp.Modules.Parameter(initial, true));
        for (var scope = this; scope is not null; scope = scope._parent)
            scope._weights.Add(weight);
        return weight;
    }

    private string Path(string name) => _prefix.Length == 0 ? name : $"{_prefix}.{name}";
}
