using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>
/// A perceptron of one hidden layer from <see cref="ArchitectureFeatures"/> to proportions (arXiv 2306.04845): softmax(U relu(V a + b) + c), layer-wise [M], or
/// neuron-wise [outputs, M], whose output layer is elastic too: the first M * outputs of its outputs, neuron after neuron.
/// </summary>
public sealed class MlpRouter : ArchRouter
{
    private readonly ArchitectureFeatures _features;
    private readonly int _experts;
    private readonly int _neurons;
    private readonly Weight _inner;
    private readonly Weight _innerBias;
    private readonly Weight _outer;
    private readonly Weight _outerBias;

    /// <param name="scope">Of its weights.</param>
    /// <param name="features">What it sees.</param>
    /// <param name="hidden">Of the hidden layer.</param>
    /// <param name="experts">M.</param>
    /// <param name="neurons">Most neurons, each with a proportion of its own; 0: one for all.</param>
    public MlpRouter(LayerScope scope, ArchitectureFeatures features, int hidden, int experts, int neurons) : base(scope)
    {
        (_features, _experts, _neurons) = (features, experts, neurons);
        Weight Uniform(string name, int inputs, params long[] shape)
        {
            var weight = scope.Filled(name, 0, shape);
            scope.DrawUniform(weight, 1 / Math.Sqrt(inputs)); // the usual start of linear layers
            return weight;
        }
        var outputs = experts * Math.Max(1, neurons);
        (_inner, _innerBias) = (Uniform("inner", features.Count, features.Count, hidden), Uniform("inner_bias", features.Count, hidden));
        (_outer, _outerBias) = (Uniform("outer", hidden, hidden, outputs), Uniform("outer_bias", hidden, outputs));
    }

    public override Value Proportions(OpSet ops, Architecture architecture, int outputs)
    {
        var known = _features.Of(architecture);
        var inner = (ops.Constant(HostTensor.From(known, 1, known.Length)).MatMul(_inner) + _innerBias).Relu();
        var (outer, bias) = (ops.Weight(_outer), ops.Weight(_outerBias));
        if (_neurons == 0)
            return (inner.MatMul(outer) + bias).Reshape(_experts).Softmax();
        var used = (long)outputs * _experts;
        return (inner.MatMul(outer.Slice(1, 0, used)) + bias.Slice(0, 0, used)).Reshape(outputs, _experts).Softmax();
    }
}
