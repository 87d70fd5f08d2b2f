using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// A tensor in a forward pass: a TorchSharp tensor (<see cref="TorchOps"/>) or a node output of an ONNX graph under
/// construction. Layers are written once, against this type; see <see cref="OpSet"/>.
/// </summary>
public abstract class Value(OpSet ops)
{
    /// <summary>The back end that this value belongs to.</summary>
    public OpSet Ops { get; } = ops;

    public abstract ElementType Type { get; }

    public static Value operator +(Value a, Value b) => a.Binary("Add", b);

    public static Value operator -(Value a, Value b) => a.Binary("Sub", b);

    public static Value operator *(Value a, Value b) => a.Binary("Mul", b);

    /// <summary>Division as ONNX defines it: of integers, truncated towards zero.</summary>
    public static Value operator /(Value a, Value b) => a.Binary("Div", b);

    public static Value operator -(Value a) => a.Unary("Neg");

    public static Value operator +(Value a, double b) => a + a.Scalar(b);

    public static Value operator -(Value a, double b) => a - a.Scalar(b);

    public static Value operator -(double a, Value b) => b.Scalar(a) - b;

    public static Value operator *(Value a, double b) => a * a.Scalar(b);

    public static Value operator /(Value a, double b) => a / a.Scalar(b);

    public static Value operator +(Value a, Weight b) => a + a.Ops.Weight(b);

    public static Value operator *(Value a, Weight b) => a * a.Ops.Weight(b);

    /// <summary>A constant without dimensions, of this value's element type.</summary>
    public Value Scalar(double value) => Ops.Constant(Type switch
    {
        ElementType.Float => HostTensor.Scalar((float)value),
        ElementType.Double => HostTensor.Scalar(value),
        ElementType.Float16 => HostTensor.Scalar((Half)value),
        ElementType.Int64 => HostTensor.Scalar((long)value),
        ElementType.Int32 => HostTensor.Scalar((int)value),
        ElementType.UInt8 => HostTensor.Scalar((byte)value),
        ElementType.Bool => HostTensor.Scalar(value != 0),
        _ => throw new NotSupportedException($"No scalar constants of type {Type}."),
    });

    /// <inheritdoc cref="OpSet.Detach"/>
    public Value Detach() => Ops.Detach(this);

    internal Value Unary(string op) => Ops.Apply(op, [this])[0];

    internal Value Binary(string op, Value other) => Ops.Apply(op, [this, other])[0];
}
