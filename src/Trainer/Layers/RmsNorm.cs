using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Root-mean-square normalization with a learned scale (Zhang and Sennrich 2019).</summary>
public sealed class RmsNorm(LayerScope scope, int size, double epsilon) : Layer(scope)
{
    private readonly Weight _scale = scope.Filled("weight", 1, size);

    public Value Forward(Value x) => x.RmsNorm(x.Ops.Weight(_scale), (float)epsilon);

    /// <summary>Makes passes normalize vectors of fewer elements.</summary>
    public void Use(int used) => _scale.Use(used);
}
