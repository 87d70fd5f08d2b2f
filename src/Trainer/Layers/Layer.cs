using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A part of a model: owns weights and child layers, each under a dotted name that is unique in the model.</summary>
public abstract class Layer(LayerScope scope)
{
    /// <summary>Makes weights and names for this layer and its children.</summary>
    protected LayerScope Scope { get; } = scope;

    /// <summary>All weights of this layer and the layers below it, in the order of construction.</summary>
    public IReadOnlyList<Weight> Weights => Scope.Weights;
}
