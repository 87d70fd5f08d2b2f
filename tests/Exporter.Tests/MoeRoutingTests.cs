using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Any routing with weights that are not negative, as com.microsoft MoE.</summary>
public class MoeRoutingTests
{
    [Theory]
    [InlineData("silu", true)]
    [InlineData("relu", false)]
    [InlineData("silu", false)]
    [InlineData("identity", false)]
    public void MissingRepeatedAndUnnormalizedPicksAreKept(string activation, bool gated)
    {
        const int experts = 5;
        const int size = 16;
        var scope = new LayerScope(2);
        var up = scope.Normal("up", 0.3, experts, size, 24);
        var gate = scope.Normal("gate", 0.3, experts, size, 24);
        var down = scope.Normal("down", 0.3, experts, 24, size);
        var upBias = scope.Normal("up_bias", 0.3, experts, 24);
        var downBias = scope.Normal("down_bias", 0.3, experts, size);
        var model = new LambdaModel(
            [new("x", ElementType.Float, "T", $"{size}"), new("indices", ElementType.Int64, "T", "K"), new("weights", ElementType.Float, "T", "K")],
            [new("y", ElementType.Float, "T", $"{size}")],
            (ops, v) => [v[0].GroupedFfn(v[1], v[2].Abs(), ops.Weight(up), ops.Weight(down), gated ? ops.Weight(gate) : null, activation,
                ops.Weight(upBias), ops.Weight(downBias))], scope);
        using var exported = new Exported(model, ExportTarget.OnnxRuntime);
        Assert.Contains("com.microsoft.MoE", exported.Operators);
        using var session = exported.Open();
        var random = new Random(4);
        foreach (var tokens in new[] { 1, 30 })
        {
            var inputs = new Dictionary<string, HostTensor>
            {
                ["x"] = Some.Normal(random, tokens, size),
                ["indices"] = Some.Indices(random, experts, 0.3, tokens, 4),
                ["weights"] = Some.Normal(random, tokens, 4),
            };
            Near.Equal(TorchRunner.Run(model, inputs)["y"], session.Run(inputs)["y"]);
        }
    }
}
