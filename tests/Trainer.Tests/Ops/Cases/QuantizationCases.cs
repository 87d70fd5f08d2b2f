using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Tests.Ops.Cases;

/// <summary>Between numbers and codes: one scale, or one for each part along an axis; shifts of all unsigned types.</summary>
internal static class QuantizationCases
{
    public static IEnumerable<OpCase> All(Draw draw)
    {
        foreach (var type in new[] { ElementType.UInt8, ElementType.Int8 })
        {
            for (var i = 0; i < 3; i++)
            {
                var shape = draw.Shape(1, 4, mayBeEmpty: false);
                var axis = draw.Axis(shape.Length);
                long[] parts = i == 0 ? [] : [shape[axis < 0 ? axis + shape.Length : axis]];
                var (low, high) = type == ElementType.UInt8 ? (0, 255) : (-128, 127);
                var (scale, zero) = (draw.Floats(parts, 0.01, 0.05), draw.Integers(type, parts, low, high));
                // Some numbers are clipped, and halves of the scale are rounded.
                yield return new OpCase("QuantizeLinear", [draw.Floats(shape, -8, 8), scale, zero]) { Attributes = new() { ["axis"] = axis }, Smooth = false };
                yield return new OpCase("QuantizeLinear", [Draw.Numbers(ElementType.Float, [6], [-1.5, -0.5, 0.5, 1.5, 2.5, 300]), HostTensor.Scalar(1f), zero.Count == 1 ? HostTensor.Scalar((byte)3) : null]) { Attributes = new() { ["axis"] = 0L }, Smooth = false };
                yield return new OpCase("DequantizeLinear", [draw.Integers(type, shape, low, high), scale, zero]) { Attributes = new() { ["axis"] = axis }, Smooth = false };
                yield return new OpCase("DequantizeLinear", [draw.Integers(type, shape, low, high), scale]) { Attributes = new() { ["axis"] = axis }, Smooth = false };
            }
        }
        foreach (var type in new[] { ElementType.UInt8, ElementType.UInt32, ElementType.UInt64 })
        {
            foreach (var direction in new[] { "LEFT", "RIGHT" })
            {
                var shape = draw.Shape(0, 3);
                yield return new OpCase("BitShift", [draw.Integers(type, shape, 0, 255), draw.Integers(type, draw.Broadcast(shape), 0, 7)]) { Attributes = new() { ["direction"] = direction } };
            }
        }
    }
}
