using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// One matrix at several numbers of bits, of which a pass uses one, and an adapter for each of them (Yi et al. 2024, LLM-QFA, arXiv 2405.20202): what is learned
/// at one number of bits changes nothing at another.
/// </summary>
public sealed class BitBank : Layer, IMatrixProduct
{
    private readonly GroupCodes[] _codes;
    private readonly PooledAdapter[] _adapters;

    /// <param name="scope">Of the weights.</param>
    /// <param name="inputs">Rows.</param>
    /// <param name="outputs">Columns.</param>
    /// <param name="bits">The numbers of bits.</param>
    /// <param name="options">Group and adapters.</param>
    public BitBank(LayerScope scope, int inputs, int outputs, IReadOnlyList<int> bits, QuantizationOptions options) : base(scope)
    {
        PooledAdapter Adapter(LayerScope place) => new(place.Child("adapter"), inputs, outputs, options.Group, options.Adapter);
        _codes = [.. bits.Select(b => new GroupCodes(scope.Child($"{b}bit"), inputs, outputs, b, options.Group))];
        _adapters = options.Adapter.Shared ? [Adapter(scope)] : [.. bits.Select(b => Adapter(scope.Child($"{b}bit")))];
    }

    /// <summary>Index of the number of bits that passes use.</summary>
    public int Active { get; set; }

    /// <summary>False: passes leave the adapters out.</summary>
    public bool Adapts { get; set; } = true;

    /// <summary>The codes at each number of bits.</summary>
    public IReadOnlyList<GroupCodes> Codes => _codes;

    public Value Of(Value x)
    {
        var product = _codes[Active].Of(x);
        return Adapts ? product + Adapter(Active).Of(x) : product;
    }

    /// <summary>Gives a matrix of its own what passes use: the codes at the active number of bits and the adapter, merged.</summary>
    public void Extract(GroupCodes target) => target.Merge(_codes[Active], Adapts ? Adapter(Active).PerWeight() : null);

    private PooledAdapter Adapter(int index) => _adapters[_adapters.Length == 1 ? 0 : index];
}
