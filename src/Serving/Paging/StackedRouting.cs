using Onnx;
using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// Gives the routing of all layers in one output instead of one each, one layer after the other: with one token a step, to fetch an output takes longer than
/// what it holds took to compute.
/// </summary>
internal static class StackedRouting
{
    /// <summary>The output that holds all indices.</summary>
    public const string Indices = "routing.indices";

    /// <summary>The output that holds all weights.</summary>
    public const string Weights = "routing.weights";

    /// <summary>Changes the graph in place, unless the layers' outputs differ in shape.</summary>
    public static void Use(GraphProto graph)
    {
        var outputs = graph.Output.ToDictionary(output => output.Name);
        var sites = RoutingSite.AllOf(outputs.Keys);
        var (indices, weights) = (Of(site => site.IndicesOutput), Of(site => site.WeightsOutput));
        if (sites.Count < 2 || !AreAlike(indices) || !AreAlike(weights))
            return;
        Stack(indices!, Indices);
        Stack(weights!, Weights);

        ValueInfoProto[]? Of(Func<RoutingSite, string> name) => sites.All(site => outputs.ContainsKey(name(site))) ? [.. sites.Select(site => outputs[name(site)])] : null;

        void Stack(ValueInfoProto[] layers, string name)
        {
            graph.Node.Add(new NodeProto { Name = name, OpType = "Concat", Input = { layers.Select(layer => layer.Name) }, Output = { name }, Attribute = { GraphParts.Int("axis", 0) } });
            var all = layers[0].Clone();
            all.Name = name;
            all.Type.TensorType.Shape.Dim[0] = new() { DimParam = name };
            foreach (var layer in layers)
                graph.Output.Remove(layer);
            graph.Output.Add(all);
        }
    }

    private static bool AreAlike(ValueInfoProto[]? layers) =>
        layers is not null && layers.All(layer => layer.Type.TensorType.Shape?.Dim.Count >= 2 && layer.Type.Equals(layers[0].Type));
}
