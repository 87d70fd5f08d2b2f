using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Cells;

public class CellClassifierTests
{
    private static readonly ClassifierSizes Sizes = new(1, 64, 5);
    private static readonly SearchSpace Space = new("cells", [new("op", 6, ["none", "skip", "avgpool", "conv1x1", "conv3x3"])]);

    private static CellClassifier Supernet() => new(new() { Backbone = ModelOptions.CellNetwork, Cells = new() { Channels = 3 } }, Space, Sizes, seed: 1);

    [Fact]
    public void EveryExtractedModelIsTheSupernetAtItsArchitecture()
    {
        var supernet = Supernet();
        var random = new Random(2);
        foreach (var architecture in Enumerable.Range(0, 100).Select(_ => Space.Random(random)).Where(supernet.IsValid).Take(12))
        {
            supernet.Active = architecture;
            EstimatedStatistics.Run(supernet, [Images(20)]);
            var extracted = (CellClassifier)supernet.Extract(architecture);
            Assert.All(Logits(supernet).Zip(Logits(extracted)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
            Assert.Equal(supernet.CostOfToken(new(1)).Sum(cost => cost.Flops), extracted.CostOfToken(new(1)).Sum(cost => cost.Flops));
            var convolutions = CellClassifier.GenotypeOf(architecture).Count(op => op.StartsWith("conv", StringComparison.Ordinal));
            Assert.Equal(2 * convolutions, extracted.Weights.Count(weight => weight.Name.Contains(".edges.", StringComparison.Ordinal) && weight.Name.EndsWith("conv1x1.weight", StringComparison.Ordinal)
                || weight.Name.EndsWith("conv3x3.weight", StringComparison.Ordinal)));
        }
    }

    /// <summary>With every edge decided the mixture is the architecture, by the batch's statistics as by stored ones.</summary>
    [Fact]
    public void DecidedGatesAreTheArchitecture()
    {
        var supernet = Supernet();
        var architecture = Space.Of(4, 1, 3, 2, 0, 4);
        supernet.Active = architecture;
        EstimatedStatistics.Run(supernet, [Images(20)]);
        var (stored, batch) = (Logits(supernet), Logits(supernet, BatchStatistics.Unrecorded));
        var gates = new SoftGates(supernet.Alpha);
        for (var edge = 0; edge < 6; edge++)
            gates.Decide(edge, architecture.Genes[edge]);
        supernet.Gates = gates;
        Assert.Equal(stored, Logits(supernet));
        Assert.Equal(batch, Logits(supernet, BatchStatistics.Unrecorded));
    }

    [Fact]
    public void SoftGatesMixAndDeletionDoesNotRenormalize()
    {
        var ops = new TorchOps();
        var alpha = new LayerScope(3).Normal("alpha", 1, 1, 3);
        var cell = new Cell(new LayerScope(1), 2, [["skip", "avgpool", "conv3x3"]], 2, affine: false);
        var x = Some.Normal(ops, 4, 2, 2, 4, 4);
        var context = new ForwardContext(ops) { BatchStatistics = BatchStatistics.Unrecorded };
        var gates = new SoftGates(alpha);
        var shares = Some.Floats(gates.Shares(ops));
        Assert.Equal(1, shares.Sum(), 1e-6);
        float[][] parts = [.. cell.Edges[0].Select(op => Some.Floats(op.Forward(x, context)!))];
        var whole = Some.Floats(cell.Forward(x, gates.Open(ops), context));
        for (var i = 0; i < whole.Length; i++)
            Assert.Equal((shares[0] * parts[0][i]) + (shares[1] * parts[1][i]) + (shares[2] * parts[2][i]), whole[i], 1e-5);
        gates.Deleted = (0, 2);
        var without = Some.Floats(cell.Forward(x, gates.Open(ops), context));
        Assert.All(Enumerable.Range(0, whole.Length), i => Assert.Equal(whole[i] - (shares[2] * parts[2][i]), without[i], 1e-5));
        gates.Deleted = null;
        gates.Allowed = [[true, false, true]];
        shares = Some.Floats(gates.Shares(ops));
        Assert.Equal((0f, 1.0), (shares[1], Math.Round(shares.Sum(), 6)));
        Assert.Equal(2, gates.Open(ops)[0].Count);
    }

    [Fact]
    public void ADecidedRowGetsNoGradient()
    {
        var supernet = Supernet();
        var gates = new SoftGates(supernet.Alpha);
        gates.Decide(2, 3);
        gates.Decide(5, 4);
        supernet.Gates = gates;
        var ops = new TorchOps(training: true);
        TorchOps.TensorOf(supernet.Forward(Features(ops, 4), null, new ForwardContext(ops) { BatchStatistics = BatchStatistics.Unrecorded })).square().sum().backward();
        var gradient = supernet.Alpha.Parameter.grad!.data<float>().ToArray();
        for (var edge = 0; edge < 6; edge++)
            Assert.Equal(edge is 2 or 5, gradient[(edge * 5)..((edge + 1) * 5)].All(value => value == 0));
    }

    [Fact]
    public void ACellIsConnectedWhenItsInputReachesItsOutput()
    {
        Assert.True(CellGraph.IsConnected(3, ["none", "skip", "none"]));
        Assert.True(CellGraph.IsConnected(3, ["skip", "none", "conv1x1"]));
        Assert.False(CellGraph.IsConnected(3, ["none", "none", "conv3x3"]));
        Assert.False(CellGraph.IsConnected(3, ["skip", "none", "none"]));
        var supernet = Supernet();
        Assert.False(supernet.IsValid(Space.Smallest));
        supernet.Active = Space.Smallest;
        Assert.All(Logits(supernet, BatchStatistics.Unrecorded), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void WhatDoesNotFitIsNamed()
    {
        string Make(CellOptions cells, SearchSpace? space = null) => Assert.Throws<UserError>(() => new CellClassifier(new() { Cells = cells }, space, Sizes, seed: 1)).Message;
        Assert.Contains("names 1 operations, but a cell of 4 nodes has 6 edges", Make(new() { Genotype = ["skip"] }), StringComparison.Ordinal);
        Assert.Contains("does not connect the cell's input with its output", Make(new() { Nodes = 2, Genotype = ["none"] }), StringComparison.Ordinal);
        Assert.Contains("no operation 'conv5x5'", Make(new() { Nodes = 2, Genotype = ["conv5x5"] }), StringComparison.Ordinal);
        Assert.Contains("has 3 genes 'op', but a cell of 4 nodes has 6 edges", Make(new(), new("x", [new("op", 3, ["skip", "none"])])), StringComparison.Ordinal);
        Assert.Contains("offers one operation", Make(new(), new("x", [new("op", 6, ["skip"])])), StringComparison.Ordinal);
        Assert.Contains("has the genes width", Make(new(), new("x", [new("width", 6, ["1"])])), StringComparison.Ordinal);
    }

    private static LabeledSequences Images(int count)
    {
        var random = new Random(7);
        return new([.. Enumerable.Range(0, count * 64).Select(_ => random.NextSingle())], new long[count], 64, 1, 5);
    }

    private static Value Features(TorchOps ops, int count) => ops.Value(torch.tensor(Images(count).Features, [count, 64, 1]));

    private static float[] Logits(CellClassifier model, BatchStatistics? statistics = null)
    {
        using var noGrad = torch.no_grad();
        var ops = new TorchOps();
        return Some.Floats(model.Forward(Features(ops, 3), null, new ForwardContext(ops) { BatchStatistics = statistics }));
    }
}
