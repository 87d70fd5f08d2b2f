using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>A function's input that is a matrix [D, F] or a stack of them [E, D, F], in one of the forms; codes have an input of scales beside them.</summary>
internal sealed class MatrixInput
{
    private readonly Value _stored;
    private readonly Value? _scales;

    /// <param name="ops">The function.</param>
    /// <param name="name">The input; its scales are called <paramref name="name"/>_scales.</param>
    /// <param name="form">What it holds.</param>
    public MatrixInput(OnnxOps ops, string name, MatrixForm form)
    {
        var input = ops.Input(name, form.Type());
        _scales = form.IsCodes() ? ops.Input(ScalesOf(name), ElementType.Float) : null;
        // Here, outside of any loop, so that ONNX Runtime converts float16 weights once, at load.
        _stored = form == MatrixForm.Half ? input.Cast(ElementType.Float) : input;
    }

    /// <summary>F, as an int64 tensor of shape [1].</summary>
    public Value Width => _stored.Size(-1);

    /// <summary>The names of the inputs of a matrix.</summary>
    public static string[] Names(string name, MatrixForm form) => form.IsCodes() ? [name, ScalesOf(name)] : [name];

    /// <summary>The matrix, for the product with <paramref name="rows"/> [..., D].</summary>
    public Value For(Value rows) => _scales is null ? _stored : Numbers(_stored, _scales, rows.Size(-1));

    /// <summary>The matrix of an expert inside of a loop, so that codes of experts that nobody picked stay codes.</summary>
    public Value For(Value rows, OnnxOps body, Value expert)
    {
        var matrix = body.Use(_stored).Gather(expert);
        return _scales is null ? matrix : Numbers(matrix, body.Use(_scales).Gather(expert), rows.Size(-1));
    }

    private static string ScalesOf(string name) => $"{name}_scales";

    /// <summary>Codes [D, F] or [ceil(D/2), F] and scales [ceil(D/32), F] as numbers [D, F]; <see cref="BlockCodes"/> says what they mean.</summary>
    private static Value Numbers(Value codes, Value scales, Value depth)
    {
        var ops = codes.Ops;
        var numbers = codes.Cast(ElementType.Float);
        if (codes.Type == ElementType.UInt8)
        {
            var high = (numbers * (1.0 / 16)).Floor();
            var pairs = new[] { (numbers - high * 16).Unsqueeze(1), high.Unsqueeze(1) }.Concat(1); // [ceil(D/2), 2, F]
            numbers = pairs.Reshape(new[] { ops.Ints(-1), codes.Size(1) }.Concat(0)) - 8;
        }
        var zero = ops.Constant(HostTensor.Scalar(0L));
        var blocks = zero.Range(numbers.Size(0).Squeeze(0), ops.Constant(HostTensor.Scalar(1L))) / BlockCodes.BlockSize; // [D]
        numbers *= scales.Gather(blocks);
        return codes.Type == ElementType.UInt8 ? numbers.Slice(ops.Ints(0), depth, ops.Ints(0)) : numbers;
    }
}
