using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Chain-of-Experts (arXiv 2506.18945) in a file: the experts once, however often they are applied.</summary>
public class ChainExportTests
{
    private const int Layers = 2, Experts = 6, Size = 64;

    [Theory]
    [InlineData(ExportTarget.OnnxMoe)]
    [InlineData(ExportTarget.OnnxRuntime)]
    public void AnIterationMoreAddsOneRouterToTheFile(ExportTarget target)
    {
        long Bytes(int iterations)
        {
            using var exported = new Exported(Chain(iterations), target);
            return exported.Model.Initializers.Where(i => i.Type is ElementType.Float).Sum(i => i.Shape.Aggregate(1L, (n, size) => n * size) * sizeof(float));
        }
        var one = Bytes(1);
        Assert.Equal(one + Layers * Experts * Size * sizeof(float), Bytes(2));
        Assert.Equal(one + 3 * Layers * Experts * Size * sizeof(float), Bytes(4));
    }

    [Fact]
    public void EveryIterationReadsTheSameExperts()
    {
        using var exported = new Exported(Chain(2));
        foreach (var weight in new[] { "layers.0.moe.experts.up", "layers.1.moe.experts.down", "layers.1.moe.shared.gate" })
            Assert.Equal(2, exported.Model.Proto.Graph.Node.Count(node => node.Input.Contains(weight)));
        using var once = new Exported(Chain(2, o => o.Chain.SharedOnce = true));
        Assert.Single(once.Model.Proto.Graph.Node, node => node.Input.Contains("layers.1.moe.shared.gate"));
    }

    [Theory]
    [InlineData(ExportTarget.OnnxMoe, "own", "raw")]
    [InlineData(ExportTarget.OnnxMoe, "shared-weights", "normed")]
    [InlineData(ExportTarget.OnnxRuntime, "own", "raw")]
    [InlineData(ExportTarget.OnnxRuntime, "shared-choice", "normed")]
    public void TheChoicesOfEveryIterationAreTheModels(ExportTarget target, string gate, string residualBase)
    {
        var model = Chain(2, o => (o.Chain.Gate, o.Chain.Base, o.InitialDeviation) = (gate, residualBase, 0.1));
        using var exported = new Exported(model, target);
        using var session = exported.Open();
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9), Some.Tokens(9, 2)]);
        var (expected, actual) = (TorchRunner.Run(model, inputs), session.Run(inputs));
        Assert.Equal(model.Outputs.Select(output => output.Name).Order(), actual.Keys.Order());
        Assert.Contains("routing.1.1.indices", actual.Keys);
        foreach (var (name, tensor) in expected)
            Near.Equal(tensor, actual[name], 1e-4); // whole numbers are compared exactly
    }

    private static DecoderLm Chain(int iterations, Action<ModelOptions>? change = null) => Some.Model(o =>
    {
        (o.ExpertsPerToken, o.Chain.Iterations) = (4, iterations);
        change?.Invoke(o);
    });
}
