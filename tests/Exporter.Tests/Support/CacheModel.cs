using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Tests.Support;

/// <summary>
/// A language model without keys and values in the usual form: a cache with an axis of experts, one whose past comes first, and
/// one of whole numbers. Every logit depends on the whole history through each of them.
/// </summary>
internal static class CacheModel
{
    private const int Width = 4;

    public static LambdaModel Create()
    {
        var scope = new LayerScope(5);
        var embedding = scope.Normal("embedding", 1, Some.Vocabulary, Width);
        var experts = scope.Normal("experts", 1, 3, 1, 1, Width);
        var head = scope.Normal("head", 1, Width, Some.Vocabulary);
        return new LambdaModel(
            [
                new("input_ids", ElementType.Int64, "batch", "sequence"),
                new("attention_mask", ElementType.Int64, "batch", "total"),
                new("position_ids", ElementType.Int64, "batch", "sequence"),
                .. Caches("past_key_values", "past"),
            ],
            [new("logits", ElementType.Float, "batch", "sequence", $"{Some.Vocabulary}"), .. Caches("present", "total")],
            (ops, inputs) =>
            {
                var (ids, keys, scores, seen) = (inputs[0], inputs[3], inputs[4], inputs[5]);
                var x = ops.Weight(embedding).Gather(ids); // [B, S, W]
                var key = x.Unsqueeze(1, 2) * ops.Weight(experts); // [B, 3, 1, S, W]
                var score = x.Transpose(1, 0, 2).Sigmoid(); // [S, B, W]
                var history = (keys.ReduceSum([3]) + key.CumSum(3)).ReduceSum([1, 2], keepDims: false)
                    + (scores.ReduceSum([0]) + score.CumSum(0)).Transpose(1, 0, 2)
                    + (seen.ReduceSum([1]) + ids.CumSum(1)).Cast(ElementType.Float).Unsqueeze(2) * 0.01;
                return
                [
                    (history * 0.1).Tanh().MatMul(head),
                    new[] { keys, key }.Concat(3),
                    new[] { scores, score }.Concat(0),
                    new[] { seen, ids }.Concat(1),
                ];
            }, scope);
    }

    private static TensorSpec[] Caches(string prefix, string length) =>
    [
        new($"{prefix}.0.key", ElementType.Float, "batch", "3", "1", length, $"{Width}"),
        new($"{prefix}.0.scores", ElementType.Float, length, "batch", $"{Width}"),
        new($"{prefix}.0.seen", ElementType.Int64, "batch", length),
    ];
}
