using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>A root-mean-square normalization of vectors of as many elements as a pass uses.</summary>
public sealed class ElasticNorm(LayerScope scope, int size, double epsilon) : Layer(scope)
{
    private readonly Weight _scale = scope.Filled("weight", 1, size);

    /// <param name="x">[..., used]</param>
    /// <param name="used">Elements of a vector.</param>
    public Value Forward(Value x, int used) => x.RmsNorm(x.Ops.Leading(_scale, used), (float)epsilon);
}
