using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>An affine layer of which a pass uses the first inputs and outputs.</summary>
/// <param name="scope">Of the weights.</param>
/// <param name="inputs">Most inputs.</param>
/// <param name="outputs">Most outputs.</param>
/// <param name="deviation">Of the initial matrix; biases start at 0.</param>
public sealed class ElasticLinear(LayerScope scope, int inputs, int outputs, double deviation) : Affine(scope)
{
    /// <summary>[inputs, outputs]</summary>
    public Weight Matrix { get; } = scope.Normal("weight", deviation, inputs, outputs);

    /// <summary>[outputs]</summary>
    public Weight Bias { get; } = scope.Filled("bias", 0, outputs);

    /// <summary>Sees what each pass puts into the layer; null: nobody looks.</summary>
    public Action<Value>? Watch { get; set; }

    public override Value Forward(Value x, int usedInputs, int usedOutputs)
    {
        Watch?.Invoke(x);
        return x.MatMul(x.Ops.Leading(Matrix, usedInputs, usedOutputs)) + x.Ops.Leading(Bias, usedOutputs);
    }
}
