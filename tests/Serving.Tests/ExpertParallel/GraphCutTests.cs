using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Tests.Support;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Tests.ExpertParallel;

public sealed class GraphCutTests
{
    [Fact]
    public void NodesRunAsEarlyAsTheyCan()
    {
        var cut = Cut(graph => Experts(graph, "first", "x", "y0")
            .Node("Neg", ["x"], ["early"])
            .Node("Add", ["y0", "early"], ["x1"])
            .Node("Abs", ["x1"], ["late"])
            .Node("Mul", ["late", "early"], ["y"]));
        Assert.Equal(new RoutingSite(0), Assert.Single(cut.Calls).Site);
        Assert.Equal(["Identity", "Neg"], cut.Segments[0].Nodes.Select(node => node.OpType));
        Assert.Equal(["Add", "Abs", "Mul"], cut.Segments[1].Nodes.Select(node => node.OpType));
        Assert.Equal(["indices", "x"], cut.Segments[0].Inputs.Order());
        Assert.Equal(["early", "routing.0.indices"], cut.Segments[0].Outputs.Order());
        Assert.Equal(["early", "y0"], cut.Segments[1].Inputs.Order());
        Assert.Equal(["y"], cut.Segments[1].Outputs);
    }

    [Fact]
    public void OneDecisionForAllLayersIsTakenInTheirOrder()
    {
        var cut = Cut(graph => Experts(Experts(graph, "first", "x", "y0"), "second", "y0", "y1")
            .Output("routing.1.indices", DataType.Int64, "tokens", 1)
            .Node("Identity", ["indices"], ["routing.1.indices"])
            .Node("Neg", ["y1"], ["y"]));
        Assert.Equal([(new RoutingSite(0), 0), (new RoutingSite(1), 1)], cut.Calls.Select(call => (call.Site, call.Segment)));
    }

    /// <summary>What is said, and the graph that it is said of.</summary>
    private static readonly Dictionary<string, Action<OnnxGraph>> Wrong = new()
    {
        { "the weights 'up computed' of first are computed", graph => Experts(graph.Node("Neg", ["up"], ["up computed"]), "first", "x", "y0", "up computed").Node("Neg", ["y0"], ["y"]) },
        { "second does not report its routing", graph => Experts(Experts(graph, "first", "x", "y0"), "second", "y0", "y1").Node("Neg", ["y1"], ["y"]) },
        { "the result of first is an output", graph => Experts(graph, "first", "x", "y") },
        { "'up', an input of first, is a constant", graph => Experts(graph, "first", "up", "y0").Node("Neg", ["y0"], ["y"]) },
        { "it has no routed layer", graph => graph.Node("Neg", ["x"], ["y"]) },
    };

    public static TheoryData<string> Reasons => [.. Wrong.Keys];

    [Theory]
    [MemberData(nameof(Reasons))]
    public void WhatCannotBeCutIsExplained(string why)
    {
        var error = Assert.Throws<UserError>(() => Cut(graph =>
        {
            Wrong[why](graph);
            return graph;
        }));
        Assert.StartsWith("model.onnx cannot be served on several devices: ", error.Message);
        Assert.Contains(why, error.Message);
    }

    private static OnnxGraph Experts(OnnxGraph graph, string name, string from, string to, string up = "up") =>
        graph.GroupedFfn(name, [from, "indices", "weights", up, "down", "gate"], to);

    private static GraphCut Cut(Func<OnnxGraph, OnnxGraph> build)
    {
        using var scratch = new Scratch();
        var graph = new OnnxGraph()
            .Input("x", DataType.Float, "tokens", 2).Input("indices", DataType.Int64, "tokens", 1).Input("weights", DataType.Float, "tokens", 1)
            .Output("y", DataType.Float, "tokens", 2).Output("routing.0.indices", DataType.Int64, "tokens", 1)
            .Constant("up", new float[12], 2, 2, 3).Constant("down", new float[12], 2, 3, 2).Constant("gate", new float[12], 2, 2, 3)
            .Node("Identity", ["indices"], ["routing.0.indices"]);
        build(graph).Save(scratch.PathOf("model.onnx"));
        return new GraphCut(ModelFile.Load(scratch.PathOf("model.onnx")), "model.onnx");
    }
}
