using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Names and initializes the weights of a layer, and names its caches; child scopes add a part to the dotted name and register with
/// their parents.
/// </summary>
public sealed class LayerScope
{
    private readonly string _prefix;
    private readonly LayerScope? _parent;
    private readonly Generator _random;
    private readonly Device? _device;
    private readonly bool _trainable;
    private readonly int _block;
    private readonly bool _isApart;
    private readonly List<Weight> _weights = [];
    private readonly Dictionary<Weight, double> _deviations = [];
    private readonly List<CacheSlot> _caches = [];
    private readonly List<(string Name, IMatrixProduct Product)> _products = [];
    private readonly Func<LayerScope, int, int, IMatrixProduct>? _matrices;

    /// <param name="seed">Seed of all initial values below this scope; they are the same on every device.</param>
    /// <param name="device">Where the weights live; null: the CPU; META: nowhere, to count a model that is too large to build.</param>
    public LayerScope(long seed, Device? device = null) : this("", null, new Generator((ulong)seed), device, true, 0)
    {
    }

    private LayerScope(string prefix, LayerScope? parent, Generator random, Device? device, bool trainable, int block, bool isApart = false, Func<LayerScope, int, int, IMatrixProduct>? matrices = null) =>
        (_prefix, _parent, _random, _device, _trainable, _block, _isApart, _matrices) = (prefix, parent, random, device, trainable, block, isApart, matrices);

    /// <summary>Dotted path of what is made here; empty for the whole model.</summary>
    public string Name => _prefix;

    public IReadOnlyList<Weight> Weights => _weights;

    public IReadOnlyList<CacheSlot> Caches => _caches;

    /// <summary>Matrices in forms of their own, by the names that they would have as weights.</summary>
    public IReadOnlyList<(string Name, IMatrixProduct Product)> Products => _products;

    public LayerScope Child(string name) => new(Path(name), this, _random, _device, _trainable, _block, matrices: _matrices);

    /// <summary>The scope of transformer block <paramref name="number"/>, by which the caches below it are named.</summary>
    public LayerScope Block(int number) => new(Path($"layers.{number}"), this, _random, _device, _trainable, number);

    /// <summary>A child scope of a part that runs by itself: its weights are among this scope's, its caches are not.</summary>
    public LayerScope Apart(string name) => new(Path(name), this, _random, _device, _trainable, 0, isApart: true);

    /// <summary>A scope of the same name whose weights keep their initial values in training.</summary>
    public LayerScope Frozen() => new(_prefix, this, _random, _device, false, _block, matrices: _matrices);

    /// <summary>A scope of the same name that gives each <see cref="Matrix"/> below it another form.</summary>
    /// <param name="form">Makes it in a scope of the matrix's own, given inputs and outputs; null: matrices are weights.</param>
    public LayerScope WithMatrices(Func<LayerScope, int, int, IMatrixProduct>? form) => new(_prefix, this, _random, _device, _trainable, _block, matrices: form);

    /// <summary>A weight drawn from a normal distribution.</summary>
    public Weight Normal(string name, double deviation, params long[] shape)
    {
        using var noGrad = no_grad();
        var weight = _device?.type == TorchSharp.DeviceType.META ? Add(name, empty(shape, device: _device)) : Add(name, randn(shape, generator: _random).mul_(deviation));
        for (var scope = this; scope is not null; scope = scope._parent)
            scope._deviations[weight] = deviation;
        return weight;
    }

    /// <summary>Another weight of the shape of one of this scope: drawn as that was, or filled with the same values where it was not drawn.</summary>
    /// <param name="weight">Drawn by <see cref="Normal"/>, or filled.</param>
    /// <param name="prefix">Goes before its name.</param>
    public Weight Another(Weight weight, string prefix)
    {
        if (_deviations.TryGetValue(weight, out var deviation))
            return Normal($"{prefix}.{weight.Name}", deviation, weight.Shape);
        using var noGrad = no_grad();
        return Add($"{prefix}.{weight.Name}", weight.Parameter.detach().clone());
    }

    /// <summary>
    /// A matrix that a layer multiplies its input with: a weight, or, where <see cref="WithMatrices"/> gave another form, a place holder without numbers whose
    /// product is of that form.
    /// </summary>
    public Weight Matrix(string name, double deviation, int inputs, int outputs)
    {
        if (_matrices is null)
            return Normal(name, deviation, inputs, outputs);
        var product = _matrices(Child(name), inputs, outputs);
        for (var scope = this; scope is not null; scope = scope._parent)
            scope._products.Add((Path(name), product));
        return new Weight(Path(name), new TorchSharp.Modules.Parameter(empty([inputs, outputs], device: META), false)) { Product = product };
    }

    /// <summary>Draws a weight of this scope again, uniformly between -bound and bound.</summary>
    public void DrawUniform(Weight weight, double bound)
    {
        using var noGrad = no_grad();
        using var drawn = rand(weight.Shape, generator: _random).mul_(2 * bound).sub_(bound);
        weight.Parameter.copy_(drawn);
    }

    /// <summary>A weight whose elements all have one value.</summary>
    public Weight Filled(string name, double value, params long[] shape) => Add(name, full(shape, value, dtype: ScalarType.Float32));

    /// <summary>Stored statistics, all of one value at first; no parameters, and not trained.</summary>
    public Weight Statistic(string name, double value, params long[] shape) => Add(name, full(shape, value, dtype: ScalarType.Float32), isStatistic: true);

    /// <summary>Bytes that training leaves as they are, such as the codes of quantized numbers; 0 at first.</summary>
    /// <param name="name">Last part of its name.</param>
    /// <param name="standsFor">Parameters that they hold.</param>
    /// <param name="shape">Of the bytes.</param>
    public Weight Codes(string name, long standsFor, params long[] shape) => Add(name, zeros(shape, ScalarType.Byte), trainable: false, standsFor: standsFor);

    /// <summary>Whole numbers of 32 bits that training leaves as they are; 0 at first.</summary>
    public Weight Integers(string name, params long[] shape) => Add(name, zeros(shape, ScalarType.Int32), trainable: false);

    /// <summary>A square matrix with one value on the diagonal and 0 elsewhere.</summary>
    public Weight Diagonal(string name, double value, long size) => Add(name, eye(size, dtype: ScalarType.Float32).mul_(value));

    /// <summary>A tensor kept between decoding steps: see <see cref="CacheSlot"/>.</summary>
    public CacheSlot Cache(string name, ElementType type, params string[] dimensions)
    {
        var slot = new CacheSlot($"{_block}.{name}", type, dimensions);
        for (var scope = this; scope is not null; scope = scope._isApart ? null : scope._parent)
            scope._caches.Add(slot);
        return slot;
    }

    /// <summary>Counts a weight of another scope among this one's.</summary>
    public Weight Adopt(Weight weight)
    {
        for (var scope = this; scope is not null; scope = scope._parent)
            scope._weights.Add(weight);
        return weight;
    }

    private Weight Add(string name, Tensor initial, bool trainable = true, bool isStatistic = false, long? standsFor = null) =>
        Adopt(new Weight(Path(name), new TorchSharp.Modules.Parameter(_device is null ? initial : initial.to(_device), _trainable && trainable && !isStatistic)) { IsStatistic = isStatistic, StandsFor = standsFor });

    private string Path(string name) => _prefix.Length == 0 ? name : $"{_prefix}.{name}";
}
