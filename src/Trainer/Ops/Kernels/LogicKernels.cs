using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Comparison, logic, choice and conversion of element types.</summary>
internal static class LogicKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("Equal", c => c[0].eq(c[1]));
        table.Add("Less", c => c[0].lt(c[1]));
        table.Add("LessOrEqual", c => c[0].le(c[1]));
        table.Add("Greater", c => c[0].gt(c[1]));
        table.Add("GreaterOrEqual", c => c[0].ge(c[1]));
        table.Add("And", c => c[0].logical_and(c[1]));
        table.Add("Or", c => c[0].logical_or(c[1]));
        table.Add("Xor", c => c[0].logical_xor(c[1]));
        table.Add("Not", c => c[0].logical_not());
        table.Add("IsNaN", c => c[0].isnan());
        table.Add("IsInf", IsInf);
        table.Add("Where", c => where(c[0], c[1], c[2]), computes: false);
        table.AddTyped("Cast", c => [Cast(c, c.Value(0), (ElementType)c.Attributes.RequiredInt("to"))]);
        table.AddTyped("CastLike", c => [Cast(c, c.Value(0), c.Value(1).Type)]);
    }

    private static Tensor IsInf(OpCall call)
    {
        var x = call[0];
        var (positive, negative) = (call.Attributes.Flag("detect_positive", true), call.Attributes.Flag("detect_negative", true));
        return (positive, negative) switch
        {
            (true, true) => x.isinf(),
            (true, false) => x.eq((Scalar)double.PositiveInfinity),
            (false, true) => x.eq((Scalar)double.NegativeInfinity),
            _ => zeros_like(x, dtype: ScalarType.Bool),
        };
    }

    /// <summary>Floating to integer truncates towards zero; integers wrap around; anything but zero is true.</summary>
    private static TorchValue Cast(OpCall call, TorchValue x, ElementType to)
    {
        if (to == ElementType.String || !Enum.IsDefined(to))
            throw new UserError($"{call.Op} to element type {to} is not supported by the torch engine.");
        if (x.Type == to)
            return new TorchValue(call.Ops, x.Tensor.alias(), to);
        var held = x.Tensor.to_type(TorchTensors.ScalarTypeOf(to));
        return new TorchValue(call.Ops, ElementRules.Wrap(held, to), to);
    }
}
