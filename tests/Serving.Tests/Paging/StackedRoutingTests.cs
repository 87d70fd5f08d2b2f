using Onnx;
using OnnxMoe.Serving.Paging;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.Paging;

/// <summary>Which outputs become one; that their parts are the layers' own is <see cref="PagedServingTests"/>' and the routing tests'.</summary>
public sealed class StackedRoutingTests
{
    [Fact]
    public void All_layers_in_the_order_in_which_a_token_meets_them_share_an_output()
    {
        var graph = Graph((10, 2), (2, 2), (3, 2));
        StackedRouting.Use(graph);
        Assert.Equal(["logits", "routing.indices", "routing.weights"], graph.Output.Select(output => output.Name));
        Assert.Equal(["routing.2.indices", "routing.3.indices", "routing.10.indices"], graph.Node[0].Input);
        Assert.Equal(["routing.2.weights", "routing.3.weights", "routing.10.weights"], graph.Node[1].Input);
        Assert.Equal([(int)DataType.Int64, (int)DataType.Float], graph.Output.Skip(1).Select(output => output.Type.TensorType.ElemType));
    }

    [Fact]
    public void Layers_of_other_numbers_of_experts_or_a_single_one_keep_theirs()
    {
        foreach (var graph in new[] { Graph((0, 2), (1, 3)), Graph((0, 2)), Graph() })
        {
            var before = graph.Clone();
            StackedRouting.Use(graph);
            Assert.Equal(before, graph);
        }
    }

    private static GraphProto Graph(params (int Layer, int Experts)[] layers) => new()
    {
        Output =
        {
            layers.SelectMany(layer => new[] { GraphParts.Info($"routing.{layer.Layer}.indices", DataType.Int64, "sequence", layer.Experts), GraphParts.Info($"routing.{layer.Layer}.weights", DataType.Float, "sequence", layer.Experts) })
                .Prepend(GraphParts.Info("logits", DataType.Float, "rows", 5)),
        },
    };
}
