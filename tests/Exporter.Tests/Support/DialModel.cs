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

    /// <summary>A language model with such a layer whose tokens also meet an expert that the caller gives, out of three.</summary>
    public static LambdaModel LanguageModel()
    {
        var scope = new LayerScope(4);
        var embedding = scope.Normal("embedding", 1, Some.Vocabulary, Width);
        var given = scope.Normal("given", 1, 3, Width);
        var router = scope.Normal("router", 1, Width, Experts);
        var up = scope.Normal("up", 1, Experts, Width, 12);
        var down = scope.Normal("down", 1, Experts, 12, Width);
        var head = scope.Normal("head", 1, Width, Some.Vocabulary);
        return new LambdaModel(
            [
                new("input_ids", ElementType.Int64, "batch", "sequence"),
                new("expert_ids", ElementType.Int64, "batch", "sequence"),
                new("active_experts", ElementType.Int64, "1") { Default = HostTensor.Vector(2L) },
                new("past_key_values.0.sum", ElementType.Float, "batch", "past", $"{Width}"),
            ],
            [new("logits", ElementType.Float, "batch", "sequence", $"{Some.Vocabulary}"), new("present.0.sum", ElementType.Float, "batch", "total", $"{Width}")],
            (ops, inputs) =>
            {
                var x = ops.Weight(embedding).Gather(inputs[0]) + ops.Weight(given).Gather(inputs[1]); // [B, S, W]
                var history = (inputs[3].ReduceSum([1]) + x.CumSum(1)).Reshape(-1, Width);
                var (best, indices) = history.MatMul(router).TopK(inputs[2]);
                var y = history.GroupedFfn(indices, best.Softmax(), ops.Weight(up), ops.Weight(down), activation: "relu").Tanh().MatMul(head);
                return [y.Reshape(new[] { inputs[0].Shape(), ops.Ints(-1) }.Concat(0)), new[] { inputs[3], x }.Concat(1)];
            }, scope);
    }
}
