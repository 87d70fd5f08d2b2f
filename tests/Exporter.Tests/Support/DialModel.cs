using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Tests.Support;

/// <summary>A routed layer whose number of experts a token is an input with a default, as is a factor that nodes could be folded with.</summary>
internal static class DialModel
{
    public const int Experts = 6;
    public const int Width = 8;

    public static LambdaModel Create()
    {
        var scope = new LayerScope(3);
        var router = scope.Normal("router", 1, Width, Experts);
        var up = scope.Normal("up", 1, Experts, Width, 12);
        var down = scope.Normal("down", 1, Experts, 12, Width);
        return new LambdaModel(
            [
                new("x", ElementType.Float, "T", $"{Width}"),
                new("active_experts", ElementType.Int64, "1") { Default = HostTensor.Vector(2L) },
                new("factor", ElementType.Float) { Default = HostTensor.Scalar(1f) },
                new("unused", ElementType.Float, "2") { Default = HostTensor.Vector(1f, 2f) },
            ],
            [new("y", ElementType.Float, "T", $"{Width}"), new("indices", ElementType.Int64, "T", "K")],
            (_, inputs) =>
            {
                var (best, indices) = inputs[0].MatMul(router).TopK(inputs[1]);
                var factor = (inputs[2] * 3).Exp() - 1; // computed from the default alone, if anything may be
                return [inputs[0].GroupedFfn(indices, best.Softmax(), inputs[0].Ops.Weight(up), inputs[0].Ops.Weight(down), activation: "relu") * factor, indices];
            }, scope);
    }
}
