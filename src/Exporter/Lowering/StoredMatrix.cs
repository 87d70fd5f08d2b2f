using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Functions;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Programs;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>A trained weight, or a part or another order of its elements, where a product reads it.</summary>
/// <param name="Key">What it is, for <see cref="Verification.RoundedWeights"/>: the weight's name and the operators between (<see cref="StoredParts"/>).</param>
/// <param name="Initializer">Its elements, of type float or float16; not in the file unless something reads it.</param>
internal sealed record StoredMatrix(string Key, Initializer Initializer)
{
    /// <summary>The weight behind a value; null when it is computed from anything else.</summary>
    public static StoredMatrix? Behind(OnnxOps ops, string value)
    {
        if (ops.Initializers!.GetValueOrDefault(value) is { } initializer)
            return initializer is { IsWeight: true, Type: ElementType.Float or ElementType.Float16 } ? new(initializer.Name, initializer) : null;
        if (ops.Producer(value) is not { Domain: "" } node)
            return null;
        if (node.OpType == "Cast")
            return Behind(ops, node.Input[0]) is { Initializer.Type: ElementType.Float16 } half ? half : null;
        if (!StoredParts.Operators.Contains(node.OpType) || Behind(ops, node.Input[0]) is not { } source)
            return null;
        var positions = node.Input.Skip(1).Select(name => ops.Initializers!.GetValueOrDefault(name)?.Load()).ToArray();
        if (positions.Any(position => position is null))
            return null;
        var attributes = ProgramNode.From(node, null).Attributes;
        var part = FoldedInitializer.Of($"{source.Initializer.Name}.{node.OpType.ToLowerInvariant()}", [source.Initializer],
            values => values[0].Ops.Apply(node.OpType, [values[0], .. positions.Select(position => values[0].Ops.Constant(position!))], attributes)[0]);
        return new(StoredParts.Key(source.Key, node.OpType, attributes, positions.Select(position => position!.ToInt64())), part);
    }

    /// <summary>How a file of the precision stores it.</summary>
    public MatrixForm Form(WeightPrecision precision) => Initializer.Type == ElementType.Float16 ? MatrixForm.Half : precision switch
    {
        WeightPrecision.Int8 => MatrixForm.Int8,
        WeightPrecision.Int4 => MatrixForm.Int4,
        _ => MatrixForm.Float,
    };

    /// <summary>The float16 elements as a value of the graph.</summary>
    public OnnxValue Halves(OnnxOps ops) => ops.InitializeOnce(Key, Initializer);

    /// <summary>The codes and the scales as values of the graph.</summary>
    public OnnxValue[] Codes(OnnxOps ops)
    {
        ops.Quantized.Add(Key);
        var bits = ops.Precision.CodeBits()!.Value;
        var (type, shape) = BlockCodes.CodesOf(Initializer.Shape, bits);
        return
        [
            ops.InitializeOnce($"{Key} codes", new($"{Initializer.Name}.{ops.Precision.Word()}", type, shape, () => BlockCodes.Quantize(Initializer.Load(), bits).Codes)),
            ops.InitializeOnce($"{Key} scales", new($"{Initializer.Name}.scales", ElementType.Float, BlockCodes.ScalesOf(Initializer.Shape), () => BlockCodes.Quantize(Initializer.Load(), bits).Scales)),
        ];
    }

    /// <summary>The same in ONNX Runtime's order (<see cref="RowCodes"/>).</summary>
    public OnnxValue[] Rows(OnnxOps ops)
    {
        ops.Quantized.Add(Key);
        return Rows(ops, Key, Initializer);
    }

    /// <summary>The codes and the scales of matrices in ONNX Runtime's order as values of the graph.</summary>
    /// <param name="ops">The graph.</param>
    /// <param name="key">What the matrices are.</param>
    /// <param name="matrices">float [..., D, F].</param>
    public static OnnxValue[] Rows(OnnxOps ops, string key, Initializer matrices)
    {
        var bits = ops.Precision.CodeBits()!.Value;
        var scales = BlockCodes.ScalesOf(matrices.Shape);
        return
        [
            ops.InitializeOnce($"{key} rows", new($"{matrices.Name}.{ops.Precision.Word()}", ElementType.UInt8, RowCodes.ShapeOf(matrices.Shape, bits), () => RowCodes.CodesOf(matrices.Load(), bits))),
            ops.InitializeOnce($"{key} row scales", new($"{matrices.Name}.scales", ElementType.Float, [.. scales[..^2], scales[^1], scales[^2]], () => RowCodes.ScalesOf(matrices.Load(), bits))),
        ];
    }
}
