using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>
/// The body of <see cref="FusedOps.CausalAttention"/> in standard ops, for one variant. As one node of the file, a server can put an attention
/// over pages of a shared cache in its place.
/// </summary>
internal static class AttentionFunction
{
    private static readonly string[] InputNames = ["query", "key", "value", "past_key", "past_value", "mask", "positions", "cos", "sin"];

    public static FunctionProto Build(string name, AttentionVariant variant)
    {
        var ops = OnnxOps.ForFunction();
        var present = new[] { true, true, true, variant.Past, variant.Past, variant.Mask, true, true, true };
        var inputs = new Value?[InputNames.Length];
        for (var i = 0; i < inputs.Length; i++)
            inputs[i] = present[i] ? ops.Input(InputNames[i], InputNames[i] is "mask" or "positions" ? ElementType.Int64 : ElementType.Float) : null;
        var results = Compositions.CausalAttention(inputs[0]!, inputs[1]!, inputs[2]!, inputs[3], inputs[4], inputs[5], inputs[6]!, inputs[7]!, inputs[8]!,
            variant.Heads, variant.KvHeads);

        var function = FunctionLibrary.Declare(name, "causal attention of queries, rotated here, over cached and new keys; the context and the grown caches",
            InputNames, ["context", "present_key", "present_value"], ["num_heads", "kv_num_heads"]);
        return FunctionBody.Finish(function, ops, results);
    }
}
