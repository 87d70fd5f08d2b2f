using OnnxMoe.Artifacts.Tensors;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>How element types pass through an operator whose outputs have the type of its inputs.</summary>
internal static class ElementRules
{
    public static Value[] Run(OpCall call, Func<OpCall, Tensor[]> kernel, bool computes)
    {
        ElementType? special = null;
        foreach (var input in call.Inputs)
        {
            if (input is not null && IsSpecial(input.Type))
            {
                special = input.Type;
                break;
            }
        }
        if (special is null)
            return Array.ConvertAll(kernel(call), tensor => (Value)call.Result(tensor));
        return special.Value.IsFloating() ? RunHalf(call, kernel, computes, special.Value) : RunUnsigned(call, kernel, special.Value);
    }

    /// <summary>True for types that the CPU's operators do not all know.</summary>
    private static bool IsSpecial(ElementType type) =>
        type is ElementType.Float16 or ElementType.BFloat16 or ElementType.UInt16 or ElementType.UInt32 or ElementType.UInt64;

    private static Value[] RunHalf(OpCall call, Func<OpCall, Tensor[]> kernel, bool computes, ElementType half)
    {
        if (!computes)
            return Array.ConvertAll(kernel(call), tensor => (Value)call.Result(tensor));
        var inputs = Array.ConvertAll(call.Inputs, input => input is null || input.Type != half
            ? input
            : new TorchValue(call.Ops, input.Tensor.to_type(ScalarType.Float32)));
        var results = kernel(new OpCall(call.Ops, call.Op, inputs, call.Attributes, call.Outputs));
        return Array.ConvertAll(results, tensor => (Value)call.Result(
            tensor.dtype == ScalarType.Float32 ? tensor.to_type(TorchTensors.ScalarTypeOf(half)) : tensor));
    }

    private static Value[] RunUnsigned(OpCall call, Func<OpCall, Tensor[]> kernel, ElementType type)
    {
        var held = TorchTensors.ScalarTypeOf(type);
        return Array.ConvertAll(kernel(call), tensor => (Value)(tensor.dtype == held
            ? new TorchValue(call.Ops, Wrap(tensor, type), type)
            : call.Result(tensor)));
    }

    /// <summary>Reduces the elements of a held unsigned type to its range, as overflow does.</summary>
    public static Tensor Wrap(Tensor held, ElementType type) => type switch
    {
        ElementType.UInt16 => held.bitwise_and(tensor(0xFFFF, held.dtype)),
        ElementType.UInt32 => held.bitwise_and(tensor(0xFFFFFFFFL, held.dtype)),
        _ => held,
    };
}
