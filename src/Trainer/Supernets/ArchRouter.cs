using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>Says in which proportion sets of weights are mixed for an architecture. It sees no tokens.</summary>
public abstract class ArchRouter(LayerScope scope) : Layer(scope)
{
    /// <param name="ops">The back end.</param>
    /// <param name="architecture">Which one.</param>
    /// <param name="outputs">Neurons that the mixed weights lead to.</param>
    /// <returns>[M], for all neurons, or [outputs, M]; each proportion sums to 1.</returns>
    public abstract Value Proportions(OpSet ops, Architecture architecture, int outputs);
}
