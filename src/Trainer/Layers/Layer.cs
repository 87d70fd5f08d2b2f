using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>A part of a model: owns weights and child layers, each under a dotted name that is unique in the model.</summary>
public abstract class Layer(LayerScope scope)
{
    /// <summary>Makes weights and names for this layer and its children.</summary>
    protected LayerScope Scope { get; } = scope;

    /// <summary>All weights of this layer and the layers below it, in the order of construction.</summary>
    public IReadOnlyList<Weight> Weights => Scope.Weights;

    /// <summary>Matrices in forms of their own, by the names that they would have as weights, in the order of construction.</summary>
    public IReadOnlyList<(string Name, IMatrixProduct Product)> Products => Scope.Products;

    /// <summary>What one token costs in this layer and those below it: every matrix product, under the name of its part.</summary>
    public virtual IEnumerable<TokenCost> CostOfToken(CostContext context) => [];

    /// <summary>Parameters of this layer and those below it that a token does not meet.</summary>
    public virtual double IdleParameters(CostContext context) => 0;
}
