using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Tests.Ops.Cases;

/// <summary>Element-wise operators: arithmetic, comparison, logic, conversion and activations.</summary>
internal static class ElementCases
{
    private static readonly ElementType[] Numeric = [ElementType.Float, ElementType.Double, ElementType.Int32, ElementType.Int64];

    private static readonly (string Op, double Low, double High)[] Unary =
    [
        ("Exp", -3, 3), ("Log", 0.1, 4), ("Sqrt", 0.1, 4), ("Reciprocal", 0.2, 3), ("Erf", -2, 2), ("Floor", -3, 3), ("Ceil", -3, 3),
        ("Round", -3, 3), ("Sin", -4, 4), ("Cos", -4, 4), ("Tan", -1, 1), ("Asin", -0.9, 0.9), ("Acos", -0.9, 0.9), ("Atan", -4, 4),
        ("Sinh", -2, 2), ("Cosh", -2, 2), ("Asinh", -2, 2), ("Acosh", 1.1, 4), ("Atanh", -0.9, 0.9), ("Sigmoid", -4, 4), ("Tanh", -2, 2),
        ("Relu", -2, 2), ("Softplus", -4, 4), ("Softsign", -4, 4), ("HardSwish", -5, 5), ("Abs", -3, 3), ("Neg", -3, 3), ("Sign", -3, 3),
        ("Identity", -1, 1), ("IsNaN", -1, 1), ("IsInf", -1, 1),
    ];

    public static IEnumerable<OpCase> All(Draw draw)
    {
        foreach (var (op, low, high) in Unary)
        {
            yield return new OpCase(op, [draw.Floats(draw.Shape(0, 4), low, high)]);
            yield return new OpCase(op, [draw.Floats(draw.Shape(0, 4), low, high, ElementType.Double)]);
            if (op is "Abs" or "Neg" or "Sign" or "Relu" or "Identity")
                yield return new OpCase(op, [draw.Integers(draw.Of(ElementType.Int32, ElementType.Int64, ElementType.Int8), draw.Shape(0, 3), -5, 5)]);
        }
        foreach (var op in new[] { "Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual" })
        {
            foreach (var type in op is "Sum" or "Mean" ? [ElementType.Float, ElementType.Double] : Numeric)
            {
                var shape = draw.Shape(0, 4);
                var other = Divisor(draw, op, type, draw.Broadcast(shape));
                var first = type.IsFloating() ? draw.Floats(shape, type: type) : draw.Integers(type, shape, -9, 9);
                yield return new OpCase(op, op is not ("Sub" or "Div") && draw.Flip() ? [other, first] : [first, other]);
            }
        }
        foreach (var op in new[] { "And", "Or", "Xor", "Equal" })
        {
            var shape = draw.Shape(0, 4);
            yield return new OpCase(op, [draw.Bools(shape), draw.Bools(draw.Broadcast(shape))]);
        }
        yield return new OpCase("Not", [draw.Bools(draw.Shape(0, 3))]);
        foreach (var type in Numeric.Append(ElementType.UInt8))
        {
            var shape = draw.Shape(1, 3);
            yield return new OpCase("Where", [draw.Bools(draw.Broadcast(shape)), Any(draw, type, shape), Any(draw, type, draw.Broadcast(shape))]);
        }
        foreach (var op in Variadic(draw).Concat(Powers(draw)).Concat(Remainders(draw)).Concat(Clips(draw)).Concat(Casts(draw)).Concat(Activations(draw)))
            yield return op;
    }

    private static HostTensor Any(Draw draw, ElementType type, long[] shape) =>
        type.IsFloating() ? draw.Floats(shape, type: type) : draw.Integers(type, shape, 0, 9);

    private static HostTensor Divisor(Draw draw, string op, ElementType type, long[] shape) => type.IsFloating()
        ? draw.Floats(shape, op == "Div" ? 0.5 : -2, 2, type)
        : draw.Integers(type, shape, op == "Div" ? 1 : -4, 4);

    private static IEnumerable<OpCase> Variadic(Draw draw)
    {
        foreach (var op in new[] { "Max", "Min", "Sum", "Mean" })
        {
            var shape = draw.Shape(1, 3, mayBeEmpty: false);
            yield return new OpCase(op, [draw.Floats(shape), draw.Floats(draw.Broadcast(shape)), draw.Floats(draw.Broadcast(shape))]);
            yield return new OpCase(op, [draw.Floats(shape)]);
        }
    }

    private static IEnumerable<OpCase> Powers(Draw draw)
    {
        var shape = draw.Shape(1, 3);
        yield return new OpCase("Pow", [draw.Floats(shape, 0.2, 2), draw.Floats(draw.Broadcast(shape))]);
        yield return new OpCase("Pow", [draw.Floats(shape, 0.2, 2), HostTensor.Scalar(2f)]);
        yield return new OpCase("Pow", [draw.Floats(shape), draw.Integers(ElementType.Int64, draw.Broadcast(shape), 0, 3)]);
        yield return new OpCase("Pow", [draw.Integers(ElementType.Int32, shape, -4, 4), draw.Integers(ElementType.Int32, draw.Broadcast(shape), 0, 3)]);
        yield return new OpCase("Pow", [draw.Integers(ElementType.Int64, shape, 1, 4), draw.Floats(draw.Broadcast(shape), 0, 3)]) { Smooth = false };
    }

    private static IEnumerable<OpCase> Remainders(Draw draw)
    {
        foreach (var type in new[] { ElementType.Int32, ElementType.Int64, ElementType.Int8, ElementType.UInt8, ElementType.UInt16, ElementType.UInt32, ElementType.UInt64 })
        {
            var (shape, low) = (draw.Shape(1, 3), type is ElementType.Int32 or ElementType.Int64 or ElementType.Int8 ? -9 : 0);
            yield return new OpCase("Mod", [draw.Integers(type, shape, low, 9), draw.Integers(type, draw.Broadcast(shape), 1, 4)]);
            yield return new OpCase("Mod", [draw.Integers(type, shape, low, 9), draw.Integers(type, draw.Broadcast(shape), 1, 4)]) { Attributes = new() { ["fmod"] = 1L } };
        }
        yield return new OpCase("Mod", [draw.Floats([3, 4], -5, 5), draw.Floats([4], 0.5, 2)]) { Attributes = new() { ["fmod"] = 1L } };
    }

    private static IEnumerable<OpCase> Clips(Draw draw)
    {
        foreach (var type in Numeric)
        {
            var x = type.IsFloating() ? draw.Floats(draw.Shape(0, 3), type: type) : draw.Integers(type, draw.Shape(0, 3), -9, 9);
            var (low, high) = (Draw.Numbers(type, [], [-1]), Draw.Numbers(type, [], [1]));
            yield return new OpCase("Clip", [x, low, high]);
            yield return new OpCase("Clip", [x, null, high]);
            yield return new OpCase("Clip", [x, low]);
            yield return new OpCase("Clip", [x]);
        }
    }

    private static IEnumerable<OpCase> Casts(Draw draw)
    {
        ElementType[] all = [ElementType.Float, ElementType.Double, ElementType.Float16, ElementType.Bool, ElementType.UInt8, ElementType.Int8,
            ElementType.UInt16, ElementType.Int16, ElementType.UInt32, ElementType.Int32, ElementType.UInt64, ElementType.Int64];
        foreach (var from in all)
        {
            foreach (var to in all)
            {
                var x = from.IsFloating() ? draw.Floats([2, 3], 0, 60, from) : draw.Integers(from, [2, 3], 0, 100);
                yield return new OpCase("Cast", [x]) { Attributes = new() { ["to"] = (long)to } };
            }
        }
        foreach (var to in new[] { ElementType.Int32, ElementType.Int64, ElementType.Int8, ElementType.Int16 })
            yield return new OpCase("Cast", [draw.Floats([3, 5], -60, 60)]) { Attributes = new() { ["to"] = (long)to } };
        foreach (var to in new[] { ElementType.UInt8, ElementType.UInt16, ElementType.Int8, ElementType.UInt32 })
            yield return new OpCase("Cast", [draw.Integers(ElementType.Int64, [3, 5], -70000, 70000)]) { Attributes = new() { ["to"] = (long)to } };
    }

    private static IEnumerable<OpCase> Activations(Draw draw)
    {
        foreach (var op in new[] { "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "HardSigmoid", "Shrink" })
        {
            yield return new OpCase(op, [draw.Floats(draw.Shape(0, 4))]);
            var name = op == "Shrink" ? "lambd" : "alpha";
            yield return new OpCase(op, [draw.Floats(draw.Shape(1, 3))]) { Attributes = new() { [name] = 0.7f } };
        }
        yield return new OpCase("Selu", [draw.Floats([2, 3])]) { Attributes = new() { ["alpha"] = 1.5f, ["gamma"] = 0.8f } };
        yield return new OpCase("HardSigmoid", [draw.Floats([2, 3])]) { Attributes = new() { ["alpha"] = 0.5f, ["beta"] = 0.6f } };
        yield return new OpCase("Shrink", [draw.Floats([2, 3])]) { Attributes = new() { ["bias"] = 0.3f, ["lambd"] = 0.6f } };
        var shape = draw.Shape(2, 4, mayBeEmpty: false);
        yield return new OpCase("PRelu", [draw.Floats(shape), draw.Floats(draw.Broadcast(shape))]);
        foreach (var op in new[] { "Softmax", "LogSoftmax", "Hardmax" })
        {
            var x = draw.Floats(draw.Shape(1, 4, mayBeEmpty: false));
            yield return new OpCase(op, [x]);
            yield return new OpCase(op, [x]) { Attributes = new() { ["axis"] = draw.Axis(x.Shape.Length) } };
        }
        yield return new OpCase("Dropout", [draw.Floats(draw.Shape(1, 3))]) { Outputs = 2 };
    }
}
