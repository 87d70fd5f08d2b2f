using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Paging;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Paging;

/// <summary>What is changed in a graph that runs on pages; that it still computes the same is <see cref="PagedServingTests"/>'.</summary>
public sealed class PagedModelTests
{
    [Fact]
    public void NothingIsReshapedOrComputedThatNobodyReads()
    {
        using var scratch = new Scratch();
        AttentionModel.Write(scratch.Folder);
        var graph = PagedEngine.TryChange(scratch.PathOf("model.onnx"), ElementType.Float, out var reason)!.Model.Graph;
        Assert.Null(reason);
        Assert.DoesNotContain(graph.Node, node => node.OpType is "Reshape" or "Shape" or "Concat" or "MatMul" or "CausalAttention");
        Assert.Equal(AttentionModel.Layers, graph.Node.Count(node => node.OpType == "PagedAttention"));
        Assert.Equal(AttentionModel.Layers * 4 + 1, graph.Node.Count(node => node.OpType == "Linear")); // query, key, value, router; head
        Assert.DoesNotContain(graph.Output, output => output.Name.StartsWith("present", StringComparison.Ordinal));
        Assert.Equal("head", graph.Node.Single(node => node.Output.Contains("logits")).Input[1]);
        Assert.Contains(graph.Node, node => node.OpType == "Gather" && node.Input[1] == PagedModel.LogitRows);
    }

    [Fact]
    public void AGraphThatNoticesTheBatchKeepsIt()
    {
        using var scratch = new Scratch();
        AttentionModel.Write(scratch.Folder);
        var model = ModelFile.Load(scratch.PathOf("model.onnx"));
        Assert.True(PagedModel.TryMake(model, 32, ElementType.Float, out var plain, out _));
        Assert.True(RowGraph.TryUse(plain.Model));

        var node = model.Graph.Node.First(node => node.OpType == "Tanh");
        model.Graph.Node.Insert(model.Graph.Node.IndexOf(node) + 1, new NodeProto { OpType = "CumSum", Input = { node.Output[0], "axis" }, Output = { "sums" } });
        model.Graph.Initializer.Add(new TensorProto { Name = "axis", DataType = (int)TensorProto.Types.DataType.Int64, Int64Data = { 1 } });
        Assert.True(PagedModel.TryMake(model, 32, ElementType.Float, out var odd, out _));
        var before = odd.Model.Clone();
        Assert.False(RowGraph.TryUse(odd.Model));
        Assert.Equal(before, odd.Model);
    }

    [Theory]
    [InlineData("past_key_values.9.ids", "it has a cache that is not an attention's, 'past_key_values.9.ids'")]
    [InlineData(null, "something besides attention uses 'attention_mask'")]
    public void AModelThatRemembersInAnotherWayIsLeftAlone(string? cache, string expected)
    {
        using var scratch = new Scratch();
        AttentionModel.Write(scratch.Folder);
        var model = ModelFile.Load(scratch.PathOf("model.onnx"));
        if (cache is not null)
            model.Graph.Input.Add(new ValueInfoProto(model.Graph.Input[0]) { Name = cache });
        else
            model.Graph.Node.Add(new NodeProto { OpType = "Identity", Input = { "attention_mask" }, Output = { "copy" } });
        Assert.False(PagedModel.TryMake(model, 32, ElementType.Float, out _, out var reason));
        Assert.Equal(expected, reason);
    }
}
