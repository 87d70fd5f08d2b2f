using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Paging;
using OnnxMoe.Serving.Sessions;
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
        var graph = PagedEngine.TryChange(scratch.PathOf("model.onnx"), native: true, ElementType.Float, out var reason)!.Model.Graph;
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
        Assert.True(PagedModel.TryMake(model, new NativeAttention(32), ElementType.Float, out var plain, out _));
        Assert.True(RowGraph.TryUse(plain.Model));

        var node = model.Graph.Node.First(node => node.OpType == "Tanh");
        model.Graph.Node.Insert(model.Graph.Node.IndexOf(node) + 1, new NodeProto { OpType = "CumSum", Input = { node.Output[0], "axis" }, Output = { "sums" } });
        model.Graph.Initializer.Add(new TensorProto { Name = "axis", DataType = (int)TensorProto.Types.DataType.Int64, Int64Data = { 1 } });
        Assert.True(PagedModel.TryMake(model, new NativeAttention(32), ElementType.Float, out var odd, out _));
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
        Assert.False(PagedModel.TryMake(model, new NativeAttention(32), ElementType.Float, out _, out var reason));
        Assert.Equal(expected, reason);
    }

    [Theory]
    [InlineData("local_window_size", 16, "the attention attention 0 has the attribute local_window_size, which attention over pages does not know")]
    [InlineData("softcap", 1, "the attention attention 0 has the attribute softcap, which attention over pages does not know")]
    [InlineData("local_window_size", -1, null)]
    public void AnAttentionThatDoesMoreIsLeftAlone(string attribute, int value, string? expected)
    {
        using var scratch = new Scratch();
        AttentionModel.Write(scratch.Folder, target: "onnxruntime");
        var model = ModelFile.Load(scratch.PathOf("model.onnx"));
        model.Graph.Node.First(node => node.OpType == "GroupQueryAttention").Attribute.Add(GraphParts.Int(attribute, value));
        Assert.Equal(expected is null, PagedModel.TryMake(model, new PortableAttention(32), ElementType.Float, out _, out var reason));
        Assert.Equal(expected, reason);
    }

    [Fact]
    public void InStandardOperatorsNothingIsLeftOfTheMask()
    {
        using var scratch = new Scratch();
        AttentionModel.Write(scratch.Folder, target: "onnxruntime");
        var graph = PagedEngine.TryChange(scratch.PathOf("model.onnx"), native: false, ElementType.Float16, out _)!.Model.Graph;
        Assert.DoesNotContain(graph.Node, node => node.OpType == "GroupQueryAttention" || node.Input.Any(name => name.Contains("attention_mask")));
        Assert.All(graph.Node.Where(node => node.OpType is "ScatterND" or "Softmax"), node => Assert.Equal("", node.Domain));
        Assert.Equal(2 * AttentionModel.Layers, graph.Node.Count(node => node.OpType == "ScatterND"));
    }

    [Theory]
    [InlineData("1x10 1x20 1x30", "1,1,1")] // short ones wait for each other
    [InlineData("1x100 1x4000 1x120 1x130", "1 1,1,1")] // a long one does not make the others read as much
    [InlineData("1x50 30x40 1x60 33x0 200x0", "1,1 200 30 33")] // nor do prompts
    [InlineData("1x4000 1x3900 1x3000", "1,1,1")]
    public void StepsThatWouldWaitForEachOtherRunApart(string steps, string expected)
    {
        var pool = new PagePool(1000, 32);
        var list = steps.Split(' ').Select(step =>
        {
            var sizes = step.Split('x');
            var cache = new PagedCache(pool, new Home(0, 0));
            Assert.True(cache.TryGrow(int.Parse(sizes[1])));
            cache.Advance(new long[int.Parse(sizes[1])]);
            Assert.True(cache.TryGrow(int.Parse(sizes[0])));
            return new ModelStep(new long[int.Parse(sizes[0])], cache);
        });
        var runs = new PortableAttention(32).RunsOf(list.Index());
        Assert.Equal(expected, string.Join(' ', runs.Select(run => string.Join(',', run.Select(step => step.Item.Tokens.Length))).Order(StringComparer.Ordinal)));
    }
}
