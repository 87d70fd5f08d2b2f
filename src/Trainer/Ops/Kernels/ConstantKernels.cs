using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Tensors made from attributes, shapes and counts.</summary>
internal static class ConstantKernels
{
    public static void Register(KernelTable table)
    {
        table.AddTyped("Constant", c => [c.Result(Constant(c.Attributes))]);
        table.AddTyped("ConstantOfShape", c => [ConstantOfShape(c)]);
        table.AddTyped("EyeLike", c => [EyeLike(c)]);
        table.AddTyped("Range", c => [Range(c)]);
        table.AddTyped("OneHot", c => [OneHot(c)]);
    }

    private static HostTensor Constant(Attributes attributes)
    {
        if (attributes.Tensor("value") is { } value)
            return value;
        if (attributes.TryGetValue("value_float", out var number))
            return HostTensor.Scalar((float)number);
        if (attributes.TryGetValue("value_int", out var integer))
            return HostTensor.Scalar((long)integer);
        if (attributes.Floats("value_floats") is { } floats)
            return HostTensor.Vector(floats);
        if (attributes.Ints("value_ints") is { } integers)
            return HostTensor.Vector(integers);
        throw new UserError("Constant: only numbers are supported by the torch engine, neither strings nor sparse tensors.");
    }

    private static TorchValue ConstantOfShape(OpCall call)
    {
        var value = call.Attributes.Tensor("value") ?? HostTensor.Vector(0f);
        var one = TorchTensors.ToTorch(value, call.Ops.Device).reshape(1);
        return new TorchValue(call.Ops, one.expand(call.Value(0).Integers).contiguous(), value.Type);
    }

    private static TorchValue EyeLike(OpCall call)
    {
        var x = call.Value(0);
        var type = (ElementType)call.Attributes.Int("dtype", (long)x.Type);
        var offset = call.Attributes.Int("k", 0);
        var (rows, columns) = (x.Shape[0], x.Shape[1]);
        var row = arange(0, rows, dtype: ScalarType.Int64, device: call.Ops.Device).reshape(rows, 1);
        var column = arange(0, columns, dtype: ScalarType.Int64, device: call.Ops.Device);
        return new TorchValue(call.Ops, column.sub(row).eq((Scalar)offset).to_type(TorchTensors.ScalarTypeOf(type)), type);
    }

    private static TorchValue Range(OpCall call)
    {
        var (start, limit, step) = (call.Value(0), call.Value(1), call.Value(2));
        if (!start.Type.IsFloating())
        {
            var (first, end, by) = (start.Integers[0], limit.Integers[0], step.Integers[0]);
            var count = Math.Max(0, (long)Math.Ceiling(((double)end - first) / by));
            return call.Result(arange(first, first + count * by, by, TorchTensors.ScalarTypeOf(start.Type), call.Ops.Device));
        }
        double From(TorchValue value) => value.Tensor.to_type(ScalarType.Float64).item<double>();
        var length = Math.Max(0, (long)Math.Ceiling((From(limit) - From(start)) / From(step)));
        var index = arange(0, length, dtype: ScalarType.Float64, device: call.Ops.Device);
        return call.Result(index.mul((Scalar)From(step)).add((Scalar)From(start)).to_type(start.Tensor.dtype));
    }

    /// <summary>Indices count from the end when negative; those out of range give a row without the "on" value.</summary>
    private static TorchValue OneHot(OpCall call)
    {
        var depth = call.Value(1).Tensor.to_type(ScalarType.Int64).reshape(1).item<long>();
        var indices = call[0].to_type(ScalarType.Int64);
        var axis = call.Axis(call.Attributes.Int("axis", -1), indices.dim() + 1);
        var offAndOn = call[2];
        var positive = where(indices.lt((Scalar)0L), indices.add((Scalar)depth), indices).unsqueeze(axis);
        var shape = new long[indices.dim() + 1];
        Array.Fill(shape, 1);
        shape[axis] = depth;
        var hit = positive.eq(arange(0, depth, dtype: ScalarType.Int64, device: indices.device).reshape(shape));
        return new TorchValue(call.Ops, where(hit, offAndOn.select(0, 1), offAndOn.select(0, 0)), call.Value(2).Type);
    }
}
