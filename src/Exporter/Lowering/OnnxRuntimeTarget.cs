using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>
/// The target onnxruntime: MoE, QMoE, MatMulNBits, GroupQueryAttention and SkipSimplifiedLayerNormalization of ONNX Runtime's own domain
/// <c>com.microsoft</c>, where they can express the op; else what the other targets write.
/// </summary>
internal sealed class OnnxRuntimeTarget : FunctionTarget
{
    public const string Domain = "com.microsoft";

    public const string AttentionOp = "GroupQueryAttention";

    public const string QuantizedExpertsOp = "QMoE";

    private const string SkipNorm = "SkipSimplifiedLayerNormalization";

    /// <summary>Products in halves stay MatMul, since nothing here has them.</summary>
    internal override NodeProto? StoredProduct(OnnxOps ops, Value x, StoredMatrix matrix)
    {
        if (ops.Precision.CodeBits() is not { } bits)
            return null;
        var shape = matrix.Initializer.Shape;
        return ops.Node(Domain, "MatMulNBits", [x, .. matrix.Rows(ops)],
            new() { ["K"] = shape[0], ["N"] = shape[1], ["bits"] = (long)bits, ["block_size"] = (long)BlockCodes.BlockSize });
    }

    protected override Value[] Ffn(OnnxOps ops, Value?[] inputs, Attributes attributes)
    {
        var activation = attributes.Text("activation", "silu");
        var result = ops.Precision.CodeBits() is null ? MoeCall.TryLower(ops, inputs, activation) : QMoeCall.TryLower(ops, inputs, activation);
        return result is null ? base.Ffn(ops, inputs, attributes) : [result];
    }

    /// <summary>
    /// A norm after a residual addition becomes one node that gives the sum as well. Others stay standard ops, which ONNX
    /// Runtime fuses at load: its SimplifiedLayerNormalization is not in ONNX's domain, so checkers would refuse the file.
    /// </summary>
    protected override Value RmsNorm(OnnxOps ops, Value x, Value scale, float epsilon)
    {
        var sum = (OnnxValue)x;
        if (ops.Producer(sum.Name) is not { OpType: "Add" } add || ops.IsUsed(sum.Name) || add.Input.Any(ops.IsInitializer))
            return base.RmsNorm(ops, x, scale, epsilon);
        var skip = NodeBuilder.Node(Domain, SkipNorm, [], new() { ["epsilon"] = epsilon }, _ => "");
        skip.Input.Add([.. add.Input, ((OnnxValue)scale).Name]);
        return ops.Replace(sum, skip, 3);
    }

    /// <summary>GroupQueryAttention takes heads of a multiple of 16 only, and a cache.</summary>
    protected override Value[] Attention(OnnxOps ops, AttentionCall call)
    {
        if (call.PastKey is null || call.Mask is null || ops.InitializerOf(call.Cos) is not { } cos || cos.Shape[1] * 2 % 16 != 0)
            return base.Attention(ops, call);
        var ends = (call.Mask.ReduceSum([1], keepDims: false) - 1).Cast(ElementType.Int32); // [B]
        var total = call.Mask.Size(1).Cast(ElementType.Int32).Squeeze(0);
        return ops.Append(Domain, AttentionOp,
            [call.Query, call.Key, call.Value, call.PastKey, call.PastValue, ends, total, call.Cos, call.Sin],
            new() { ["num_heads"] = call.Heads, ["kv_num_heads"] = call.KvHeads, ["do_rotary"] = 1L, ["rotary_interleaved"] = 0L },
            call.Query.Type, call.PastKey.Type, call.PastValue!.Type);
    }
}
