using OnnxMoe.Artifacts.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Element-wise arithmetic. Both sides have one type, as ONNX demands; only Pow mixes.</summary>
internal static class ArithmeticKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("Add", c => Known(c, 1) is { } b ? c[0].add(b) : Known(c, 0) is { } a ? c[1].add(a) : c[0].add(c[1]));
        table.Add("Sub", c => Known(c, 1) is { } b ? c[0].sub(b) : c[0].sub(c[1]));
        table.Add("Mul", c => Known(c, 1) is { } b ? c[0].mul(b) : Known(c, 0) is { } a ? c[1].mul(a) : c[0].mul(c[1]));
        table.Add("Div", c => Known(c, 1) is { } b ? c[0].div(b) : Divide(c[0], c[1]));
        table.Add("Mod", c => c.Attributes.Flag("fmod") ? c[0].fmod(c[1]) : c[0].remainder(c[1]));
        table.Add("Pow", Power);
        table.Add("Max", c => Fold(c, (a, b) => a.maximum(b)));
        table.Add("Min", c => Fold(c, (a, b) => a.minimum(b)));
        table.Add("Sum", c => Fold(c, (a, b) => a.add(b)));
        table.Add("Mean", c => Fold(c, (a, b) => a.add(b)).div((double)c.Inputs.Length));
        table.Add("Abs", c => c[0].abs());
        table.Add("Neg", c => c[0].neg());
        table.Add("Sign", c => c[0].sign());
        table.Add("Exp", c => c[0].exp());
        table.Add("Log", c => c[0].log());
        table.Add("Sqrt", c => c[0].sqrt());
        table.Add("Reciprocal", c => c[0].reciprocal());
        table.Add("Erf", c => c[0].erf());
        table.Add("Floor", c => c[0].floor());
        table.Add("Ceil", c => c[0].ceil());
        table.Add("Round", c => c[0].round());
        table.Add("Sin", c => c[0].sin());
        table.Add("Cos", c => c[0].cos());
        table.Add("Tan", c => c[0].tan());
        table.Add("Asin", c => c[0].asin());
        table.Add("Acos", c => c[0].acos());
        table.Add("Atan", c => c[0].atan());
        table.Add("Sinh", c => c[0].sinh());
        table.Add("Cosh", c => c[0].cosh());
        table.Add("Asinh", c => c[0].asinh());
        table.Add("Acosh", c => c[0].acosh());
        table.Add("Atanh", c => c[0].atanh());
        table.Add("Clip", Clip);
    }

    /// <summary>Integers are divided with truncation towards zero.</summary>
    public static Tensor Divide(Tensor a, Tensor b) => a.is_floating_point() ? a.div(b) : a.div(b, RoundingMode.trunc);

    /// <summary>A floating constant without dimensions: no tensor need be made for it. Null for anything else.</summary>
    private static Scalar? Known(OpCall call, int index) => call.Value(index).Known is { Shape.Length: 0 } host
        ? host.Type switch
        {
            ElementType.Float => (Scalar)host.AsSpan<float>()[0],
            ElementType.Double => (Scalar)host.AsSpan<double>()[0],
            _ => null,
        }
        : null;

    private static Tensor Fold(OpCall call, Func<Tensor, Tensor, Tensor> combine)
    {
        var result = call.Inputs.Length == 1 ? call[0].alias() : call[0];
        for (var i = 1; i < call.Inputs.Length; i++)
            result = combine(result, call[i]);
        return result;
    }

    /// <summary>The result has the type of the base. Integer powers are computed in double, as ONNX Runtime does.</summary>
    private static Tensor Power(OpCall call)
    {
        var x = call[0];
        if (x.is_floating_point())
            return Known(call, 1) is { } constant ? x.pow(constant) : x.pow(call[1].to_type(x.dtype));
        return x.to_type(ScalarType.Float64).pow(call[1].to_type(ScalarType.Float64)).to_type(x.dtype);
    }

    /// <summary>The bounds are inputs since opset 11, attributes before.</summary>
    private static Tensor Clip(OpCall call)
    {
        var x = call[0];
        if (call.Attributes.ContainsKey("min") || call.Attributes.ContainsKey("max"))
            return x.clamp((Scalar)call.Attributes.Float("min", float.MinValue), (Scalar)call.Attributes.Float("max", float.MaxValue));
        var (min, max) = (call.Optional(1), call.Optional(2));
        return min is null && max is null ? x.alias() : x.clamp(min?.Tensor, max?.Tensor);
    }
}
