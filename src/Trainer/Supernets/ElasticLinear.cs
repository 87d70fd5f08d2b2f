using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>An affine layer of which a pass uses the first inputs and outputs.</summary>
/// <param name="scope">Of the weights.</param>
/// <param name="inputs">Most inputs.</param>
/// <param name="outputs">Most outputs.</param>
/// <param name="deviation">Of the initial matrix; biases start at 0.</param>
public sealed class ElasticLinear(LayerScope scope, int inputs, int outputs, double deviation) : Layer(scope)
{
    private readonly Weight _weight = scope.Normal("weight", deviation, inputs, outputs);
    private readonly Weight _bias = scope.Filled("bias", 0, outputs);

    /// <param name="x">[..., used inputs]</param>
    /// <param name="usedInputs">Of <paramref name="x"/>.</param>
    /// <param name="usedOutputs">Of the result.</param>
    public Value Forward(Value x, int usedInputs, int usedOutputs) =>
        x.MatMul(x.Ops.Leading(_weight, usedInputs, usedOutputs)) + x.Ops.Leading(_bias, usedOutputs);
}
