using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Paging;
using OnnxMoe.Serving.Tests.Support;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.Paging;

/// <summary>Which nodes become one; that they still compute the same is <see cref="PagedServingTests"/>' and the kernels' tests'.</summary>
public sealed class RegionsTests
{
    [Fact]
    public void Only_what_the_library_does_not_know_stays_outside()
    {
        using var scratch = new Scratch();
        AttentionModel.Write(scratch.Folder);
        var paged = PagedEngine.TryChange(scratch.PathOf("model.onnx"), native: true, ElementType.Float, out _)!;
        var before = paged.Model.Graph.Clone();
        Regions.Use(paged.Model, ElementType.Float);
        var after = paged.Model.Graph;
        Assert.Equal(["Region", "Tanh", "Region", "Tanh", "Region"], after.Node.Select(node => node.OpType));
        Assert.Equal(before.Node.Count, after.Node.Sum(node => node.OpType == "Region" ? Program(node).Length : 1));
        AssertSorted(after);
    }

    [Fact]
    public void A_node_that_does_not_need_the_region_goes_before_it_and_one_that_does_ends_it()
    {
        var graph = Graph(
            Node("Add", ["x", "bias"], "a"),
            Node("Tanh", ["x"], "aside"),
            Node("Mul", ["a", "aside"], "b"),
            Node("Tanh", ["b"], "middle"),
            Node("Add", ["middle", "bias"], "c"),
            Node("Sub", ["c", "a"], "y"));
        Use(graph);
        Assert.Equal(["Tanh", "Region", "Tanh", "Region"], graph.Node.Select(node => node.OpType));
        Assert.Equal(["a", "b"], graph.Node[1].Output); // a is read by the second one too
        Assert.Equal(["middle", "bias", "a"], graph.Node[3].Input);
        Assert.Equal(["y"], graph.Node[3].Output);
        AssertSorted(graph);
    }

    [Fact]
    public void One_node_stays_what_it_is()
    {
        var graph = Graph(Node("Add", ["x", "bias"], "a"), Node("Tanh", ["a"], "y"));
        var before = graph.Clone();
        Use(graph);
        Assert.Equal(before, graph);
    }

    [Fact]
    public void Integers_are_not_taken_for_floats()
    {
        var graph = Graph(Node("Add", ["numbers", "numbers"], "twice"), Node("Mul", ["twice", "numbers"], "y"));
        var before = graph.Clone();
        Use(graph);
        Assert.Equal(before, graph);
    }

    [Theory]
    [InlineData("Softmax", "axis", 0)]
    [InlineData("TopK", "largest", 0)]
    [InlineData("ReduceSum", "keepdims", 0)]
    public void An_operator_with_another_attribute_stays_outside(string op, string attribute, int value)
    {
        var node = Node(op, op == "Softmax" ? ["a"] : op == "TopK" ? ["a", "k"] : ["a", "last"], "y");
        if (op == "TopK")
            node.Output.Add("places");
        var ordinary = Graph(Node("Add", ["x", "bias"], "a"), node.Clone());
        Use(ordinary);
        Assert.Equal(["Region"], ordinary.Node.Select(one => one.OpType));

        node.Attribute.Add(new AttributeProto { Name = attribute, Type = AttributeProto.Types.AttributeType.Int, I = value });
        var other = Graph(Node("Add", ["x", "bias"], "a"), node);
        Use(other);
        Assert.Equal(["Add", op], other.Node.Select(one => one.OpType));
    }

    private static void Use(GraphProto graph) => Regions.Use(new ModelProto { Graph = graph }, ElementType.Float);

    private static NodeProto Node(string op, string[] inputs, string output) => new() { Name = output, OpType = op, Input = { inputs }, Output = { output } };

    private static GraphProto Graph(params NodeProto[] nodes) => new()
    {
        Node = { nodes },
        Output = { new ValueInfoProto { Name = "y" } },
        Initializer =
        {
            new TensorProto { Name = "bias", DataType = (int)DataType.Float, Dims = { 1 }, FloatData = { 1 } },
            new TensorProto { Name = "numbers", DataType = (int)DataType.Int64, Dims = { 1 }, Int64Data = { 1 } },
            new TensorProto { Name = "last", DataType = (int)DataType.Int64, Dims = { 1 }, Int64Data = { -1 } },
            new TensorProto { Name = "k", DataType = (int)DataType.Int64, Dims = { 1 }, Int64Data = { 1 } },
        },
    };

    private static string[] Program(NodeProto region) => region.Attribute.Single(attribute => attribute.Name == "program").S.ToStringUtf8().Split('\n');

    private static void AssertSorted(GraphProto graph)
    {
        var known = graph.Input.Select(input => input.Name).Concat(graph.Initializer.Select(tensor => tensor.Name)).Append("x").ToHashSet();
        foreach (var node in graph.Node)
        {
            Assert.DoesNotContain(ValueNames.UsedBy(node), name => !known.Contains(name));
            known.UnionWith(node.Output);
        }
    }
}
