using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Between numbers and codes, and the shifting of bits.</summary>
internal static class QuantizationKernels
{
    public static void Register(KernelTable table)
    {
        table.AddTyped("QuantizeLinear", Quantize);
        table.AddTyped("DequantizeLinear", Dequantize);
        table.Add("BitShift", Shift);
    }

    /// <summary>Halves are rounded to even. Without a zero point the codes are uint8 and it is 0.</summary>
    private static Value[] Quantize(OpCall call)
    {
        var type = call.Optional(2)?.Type ?? ElementType.UInt8;
        var (least, most) = type switch
        {
            ElementType.UInt8 => (0, 255),
            ElementType.Int8 => (-128, 127),
            _ => throw new UserError($"QuantizeLinear to {type} is not supported by the torch engine; uint8 and int8 are."),
        };
        var codes = call[0].to_type(ScalarType.Float32).div(Along(call, 1)).round();
        if (call.Optional(2) is not null)
            codes = codes.add(Along(call, 2).to_type(ScalarType.Float32));
        return [call.Result(codes.clamp((Scalar)least, (Scalar)most).to_type(TorchTensors.ScalarTypeOf(type)))];
    }

    private static Value[] Dequantize(OpCall call)
    {
        var codes = call[0].to_type(ScalarType.Int32);
        if (call.Optional(2) is not null)
            codes = codes.sub(Along(call, 2).to_type(ScalarType.Int32));
        return [call.Result(codes.to_type(ScalarType.Float32).mul(Along(call, 1)))];
    }

    /// <summary>A scale or zero point in the shape in which it meets input 0: one for all, or one for each part along the axis.</summary>
    private static Tensor Along(OpCall call, int input)
    {
        var values = call[input];
        if (values.numel() == 1)
            return values.reshape([]);
        var shape = new long[call[0].dim()];
        Array.Fill(shape, 1);
        shape[call.Axis(1)] = -1;
        return values.reshape(shape);
    }

    /// <summary>Logical shifts of unsigned numbers; by as many bits as the type has, or more, gives 0.</summary>
    private static Tensor Shift(OpCall call)
    {
        var (x, by) = (call[0], call[1]);
        var bits = call.Value(0).Type.Size() * 8;
        var kept = by.lt((Scalar)bits);
        var amount = by.mul(kept.to_type(by.dtype));
        var shifted = call.Attributes.Text("direction", "") == "LEFT" ? x.bitwise_left_shift(amount) : x.bitwise_right_shift(amount);
        return shifted.mul(kept.to_type(shifted.dtype));
    }
}
