using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>Makes the linear layers of a network in its order, each in the precision that the policy says.</summary>
internal sealed class LinearBuilder(QuantPolicy policy)
{
    private readonly List<Affine> _linears = [];

    /// <summary>Those made so far.</summary>
    public IReadOnlyList<Affine> Linears => _linears;

    /// <param name="scope">Of the layer.</param>
    /// <param name="inputs">Of the layer.</param>
    /// <param name="outputs">Of the layer.</param>
    /// <param name="deviation">Of the initial matrix, where it is not quantized.</param>
    public Affine Build(LayerScope scope, int inputs, int outputs, double deviation)
    {
        var precision = policy.Layers[_linears.Count];
        _linears.Add(precision.IsQuantized ? new QuantizedLinear(scope, inputs, outputs, precision) : new ElasticLinear(scope, inputs, outputs, deviation));
        return _linears[^1];
    }
}
