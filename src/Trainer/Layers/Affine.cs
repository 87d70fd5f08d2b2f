using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>An affine layer, x W + b, in whatever form its numbers are kept.</summary>
/// <param name="scope">Of the weights.</param>
public abstract class Affine(LayerScope scope) : Layer(scope)
{
    /// <summary>Dotted path of the layer, unique in the model.</summary>
    public string Name => Scope.Name;

    /// <param name="x">[..., used inputs]</param>
    /// <param name="usedInputs">Of <paramref name="x"/>.</param>
    /// <param name="usedOutputs">Of the result.</param>
    public abstract Value Forward(Value x, int usedInputs, int usedOutputs);
}
