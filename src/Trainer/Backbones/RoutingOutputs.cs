using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>What the routed layers decided, as outputs of a model: routing.N.indices and routing.N.weights, both [batch, sequence, K].</summary>
internal static class RoutingOutputs
{
    /// <param name="layers">In order.</param>
    /// <param name="chooses">True when a run says how many experts its tokens meet, K.</param>
    public static IEnumerable<TensorSpec> Specs(IEnumerable<RoutedLayer> layers, bool chooses = false) => layers.SelectMany(layer => new TensorSpec[]
    {
        new(layer.Site.IndicesOutput, ElementType.Int64, "batch", "sequence", chooses ? "active" : $"{layer.Router.ExpertsPerToken}"),
        new(layer.Site.WeightsOutput, ElementType.Float, "batch", "sequence", chooses ? "active" : $"{layer.Router.ExpertsPerToken}"),
    });

    /// <summary>Adds the decisions of a pass over sequences of <paramref name="shape"/> [B, S].</summary>
    public static void Add(Dictionary<string, Value> outputs, ForwardContext context, Value shape)
    {
        shape = new[] { shape, context.Ops.Ints(-1) }.Concat(0);
        foreach (var (layer, routing) in context.Routings)
        {
            outputs[layer.Site.IndicesOutput] = routing.Indices.Reshape(shape);
            outputs[layer.Site.WeightsOutput] = routing.Weights.Reshape(shape);
        }
    }
}
