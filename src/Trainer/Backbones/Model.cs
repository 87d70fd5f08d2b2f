using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>A whole model: named inputs to named outputs. Exporting it is running it once on symbolic inputs.</summary>
public abstract class Model(LayerScope scope) : Layer(scope)
{
    public abstract IReadOnlyList<TensorSpec> Inputs { get; }

    public abstract IReadOnlyList<TensorSpec> Outputs { get; }

    /// <summary>Computes all <see cref="Outputs"/> by name from a value for each of <see cref="Inputs"/>.</summary>
    public abstract IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs);
}
