using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Names and initializes the weights of a layer; child scopes add a part to the dotted name and register with their parents.</summary>
public sealed class LayerScope
{
    private readonly string _prefix;
    private readonly LayerScope? _parent;
    private readonly Generator _random;
    private readonly Device? _device;
    private readonly List<Weight> _weights = [];

    /// <param name="seed">Seed of all initial values below this scope; they are the same on every device.</param>
    /// <param name="device">Where the weights live; null: the CPU.</param>
    public LayerScope(long seed, Device? device = null) : this("", null, new Generator((ulong)seed), device)
    {
    }

    private LayerScope(string prefix, LayerScope? parent, Generator random, Device? device) =>
        (_prefix, _parent, _random, _device) = (prefix, parent, random, device);

    public IReadOnlyList<Weight> Weights => _weights;

    public LayerScope Child(string name) => new(Path(name), this, _random, _device);

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
        var weight = new Weight(Path(name), new TorchSharp.Modules.Parameter(_device is null ? initial : initial.to(_device), true));
        for (var scope = this; scope is not null; scope = scope._parent)
            scope._weights.Add(weight);
        return weight;
    }

    private string Path(string name) => _prefix.Length == 0 ? name : $"{_prefix}.{name}";
}
